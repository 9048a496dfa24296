"use strict";
// The import pages: dropping a file with the progress of its upload, and the choices of columns.
(() => {
    const form = document.getElementById("import-upload");
    if (form) {
        const drop = document.getElementById("import-drop");
        const input = form.querySelector("input[type=file]");
        const name = document.getElementById("import-name");
        const sending = document.getElementById("import-sending");
        const bar = sending.querySelector("progress");
        const show = () => {
            if (input.files.length) name.textContent = input.files[0].name;
        };
        input.addEventListener("change", show);
        ["dragenter", "dragover"].forEach((kind) => drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("pe-over"); }));
        ["dragleave", "drop"].forEach((kind) => drop.addEventListener(kind, () => drop.classList.remove("pe-over")));
        drop.addEventListener("drop", (event) => {
            event.preventDefault();
            if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; show(); }
        });
        form.addEventListener("submit", (event) => {
            if (!input.files.length || !form.reportValidity()) return;
            event.preventDefault();
            const request = new XMLHttpRequest();
            const body = new FormData(form);
            sending.hidden = false;
            form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
            request.upload.onprogress = (progress) => { if (progress.lengthComputable) bar.value = (100 * progress.loaded) / progress.total; };
            request.upload.onload = () => { bar.removeAttribute("value"); };
            const failed = (text) => {
                sending.hidden = true;
                form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
                const note = document.getElementById("import-failed");
                note.hidden = false;
                if (text) note.textContent = text;
            };
            request.onload = () => {
                if (request.status >= 400) { failed(request.status === 413 ? form.dataset.tooLarge : ""); return; }
                if (new URL(request.responseURL).pathname !== window.location.pathname) { window.location.assign(request.responseURL); return; }
                const answer = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("#import-errors");
                failed(answer ? answer.textContent.trim() : "");
            };
            request.onerror = () => failed("");
            request.open("POST", form.action);
            request.send(body);
        });
    }

    const columns = document.getElementById("import-columns");
    if (columns) {
        const selects = [...columns.querySelectorAll("select")];
        const single = (value) => value !== "attribute" && value !== "ignored";
        const key = (select) => document.getElementById(`${select.name}-key`);
        const shape = (select) => { key(select).hidden = select.value !== "attribute"; };
        selects.forEach((select) => {
            select.dataset.before = select.value;
            select.addEventListener("change", () => {
                // A field can be filled by one column only: whoever had it before becomes an attribute, which the preview shows.
                const rival = single(select.value) && selects.find((other) => other !== select && other.value === select.value);
                if (rival) { rival.value = "attribute"; shape(rival); }
                shape(select);
            });
            shape(select);
        });
    }
})();
