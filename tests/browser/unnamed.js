// What a person without sight needs of a page; each finding names the element.
() => {
    const shown = (e) => e.checkVisibility() && !e.closest("[aria-hidden=true]");
    const names = (e) => [
        e.getAttribute("aria-label"), e.title, e.innerText, e.placeholder, e.type === "submit" ? e.value : "",
        ...[...(e.labels || [])].map((label) => label.innerText),
        ...(e.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.innerText),
        ...[...e.querySelectorAll("img[alt]")].map((image) => image.alt),
    ];
    const wanted = "input:not([type=hidden]), select, textarea, button, a[href]";
    const unnamed = [...document.querySelectorAll(wanted)].filter((e) => shown(e) && !names(e).some((name) => name && name.trim()));
    return [
        ...unnamed.map((e) => "no name: " + e.outerHTML.slice(0, 160)),
        ...[...document.querySelectorAll("img:not([alt])")].map((e) => "no alt: " + e.outerHTML.slice(0, 120)),
        ...(document.documentElement.lang ? [] : ["no lang"]),
        ...(document.title.trim() ? [] : ["no title"]),
    ];
}
