"""Object storage that speaks S3: AWS, Cloudflare R2, MinIO, SeaweedFS and their like."""
