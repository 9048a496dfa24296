// Texts whose contrast with what is behind them is below WCAG's 4.5, as "ratio: text".
(selector) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    };
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const colour = rgba(getComputedStyle(e).backgroundColor);
            if (colour[3] > 250) return colour;
        }
        return [255, 255, 255];
    };
    const light = (colour) => {
        const [r, g, b] = colour.slice(0, 3).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return [...document.querySelectorAll(selector)]
        .filter((e) => e.checkVisibility() && e.innerText.trim())
        .map((e) => {
            const [more, less] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
            return [(more + 0.05) / (less + 0.05), e.innerText.trim().slice(0, 60)];
        })
        .filter(([ratio]) => ratio < 4.5)
        .map(([ratio, text]) => `${ratio.toFixed(2)}: ${text}`);
}
