"use strict";
// The segment builder: turns a flat tree of conditions into rows one can read and change, and shows whom they mean. A nested tree stays text.
(() => {
    const area = document.querySelector("textarea[data-segment]");
    const people = document.getElementById("segment-people");
    if (!area || !people) return;
    const words = JSON.parse(area.dataset.words);
    const look = document.querySelector("input[name=name]")?.className || "";
    const listOps = new Set(["one_of", "has_any", "has_all"]);
    const dayOps = new Set(["in_last_days", "in_next_days"]);
    const dateOps = new Set(["before", "since"]);
    const numberOps = new Set(["at_least", "at_most"]);

    const make = (tag, properties = {}, ...children) => {
        const element = Object.assign(document.createElement(tag), properties);
        element.append(...children);
        return element;
    };
    const option = (value, text, chosen) => make("option", { value, textContent: text, selected: chosen });

    const flat = (tree) => {
        if (tree && Object.keys(tree).length === 0) return { word: "all", parts: [] };
        const word = tree.all ? "all" : tree.any ? "any" : null;
        const parts = word ? tree[word] : [tree];
        const leaf = (part) => part.field || (part.not && part.not.field);
        return Array.isArray(parts) && parts.every(leaf) ? { word: word || "all", parts } : null;
    };
    const kindOf = (field) => (words.fields.find(([name]) => name === field) || [null, null, "attribute"])[2];

    const builder = make("div", { className: "or-builder" });
    const rows = make("div", { className: "or-builder" });
    const joiner = make("select", { className: look, ariaLabel: words.texts.all });
    joiner.append(option("all", words.texts.all), option("any", words.texts.any));
    const add = make("button", { type: "button", textContent: words.texts.add });
    const empty = make("p", { className: "or-muted", textContent: words.texts.everybody });
    builder.append(joiner, rows, empty, add);

    const addRow = (part) => {
        const negated = Boolean(part.not);
        const condition = part.not || part;
        const own = condition.field.startsWith("attributes.");
        const row = make("div", { className: "or-row" });
        const not = make("input", { type: "checkbox", checked: negated });
        const field = make("select", { className: look });
        words.fields.forEach(([name, text]) => field.append(option(name, text, own ? name === "attributes." : name === condition.field)));
        const key = make("input", { type: "text", className: look, placeholder: words.texts.key, value: own ? condition.field.slice(11) : "" });
        const op = make("select", { className: look });
        const value = make("input", { type: "text", className: look });
        const remove = make("button", { type: "button", textContent: words.texts.remove });
        const offer = (chosen) => {
            key.hidden = field.value !== "attributes.";
            op.replaceChildren(...words.kinds[kindOf(field.value)].map((name) => option(name, words.ops[name], name === chosen)));
            shape();
        };
        const shape = () => {
            value.hidden = op.value === "filled";
            const number = dayOps.has(op.value) || numberOps.has(op.value) || (op.value === "is" && kindOf(field.value) === "number");
            value.type = dateOps.has(op.value) ? "date" : number ? "number" : "text";
            value.step = "any";
            value.placeholder = listOps.has(op.value) ? words.texts.list : words.texts.value;
        };
        row.read = () => {
            const name = field.value === "attributes." ? `attributes.${key.value.trim()}` : field.value;
            const found = { field: name, op: op.value };
            if (op.value !== "filled") {
                if (listOps.has(op.value)) found.value = value.value.split(",").map((text) => text.trim()).filter(Boolean);
                else if (value.type === "number") found.value = value.value === "" ? null : Number(value.value);
                else if (row.typed !== undefined && String(row.typed) === value.value) found.value = row.typed;
                else found.value = value.value;
            }
            return not.checked ? { not: found } : found;
        };
        offer(condition.op);
        if (typeof condition.value === "number" || typeof condition.value === "boolean") row.typed = condition.value;
        value.value = Array.isArray(condition.value) ? condition.value.join(", ") : condition.value ?? "";
        field.onchange = () => { offer(); write(); };
        op.onchange = () => { shape(); write(); };
        not.onchange = key.oninput = value.oninput = () => write();
        remove.onclick = () => { row.remove(); write(); };
        row.append(make("label", {}, not, words.texts.not), field, key, op, value, remove);
        rows.append(row);
    };

    let waiting;
    const preview = () => {
        clearTimeout(waiting);
        waiting = setTimeout(async () => {
            const body = new FormData();
            body.append("csrfmiddlewaretoken", document.querySelector("input[name=csrfmiddlewaretoken]").value);
            body.append("client", document.querySelector("[name=client]")?.value || people.dataset.client);
            body.append("conditions", area.value);
            people.setAttribute("aria-busy", "true");
            const answer = await fetch(area.dataset.preview, { method: "POST", body });
            if (answer.ok) people.innerHTML = await answer.text();
            people.removeAttribute("aria-busy");
        }, 400);
    };
    const write = () => {
        const parts = [...rows.children].map((row) => row.read());
        empty.hidden = parts.length > 0;
        area.value = JSON.stringify(parts.length ? { [joiner.value]: parts } : {}, null, 1);
        preview();
    };

    let tree;
    try { tree = flat(JSON.parse(area.value || "{}")); } catch { tree = null; }
    if (tree) {
        joiner.value = tree.word;
        tree.parts.forEach(addRow);
        empty.hidden = tree.parts.length > 0;
        joiner.onchange = write;
        add.onclick = () => { addRow({ field: "tags", op: "has", value: "" }); write(); };
        const text = make("details", {}, make("summary", { textContent: words.texts.json, className: "or-muted" }));
        area.before(builder, text);
        text.append(area);
        area.oninput = preview;
    } else {
        area.oninput = preview;
    }
    document.querySelector("[name=client]")?.addEventListener("change", preview);
})();
