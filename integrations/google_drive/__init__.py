"""Google Drive: folders, copies of templates, PDFs, files of reports and backups."""
