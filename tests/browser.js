([width, least]) => {
  const faults = [];
  const say = (element, what) =>
    faults.push(`${element.tagName.toLowerCase()} '${element.textContent.trim().slice(0, 40)}' ${what}`);

  const wide = document.documentElement.scrollWidth;
  if (wide > width) faults.push(`the page is ${wide} wide on a screen of ${width}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, j) => ids.indexOf(id) < j))) faults.push(`the id ${id} is there twice`);

  // Figures and tables lie within the screen; what is wider scrolls inside its own box.
  for (const element of document.querySelectorAll("figure, svg, table, img")) {
    const box = element.getBoundingClientRect();
    if (!element.checkVisibility() || box.width < 1 || box.height < 1) say(element, "cannot be seen");
    let outer = element;
    while (outer && getComputedStyle(outer).overflowX !== "auto") outer = outer.parentElement;
    const { left, right } = (outer ?? element).getBoundingClientRect();
    if (left < 0 || right > width) say(element, `reaches from ${left} to ${right} on a screen of ${width}`);
  }

  // Contrast is that of the accessibility guidelines, of colours as the browser resolves them.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  };
  const over = (front, back) => back.map((part, j) => front[j] * front[3] + part * (1 - front[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const drawn = (element) => element instanceof SVGElement && element.tagName !== "svg";
  const painted = (element) => {
    const style = getComputedStyle(element);
    const colour = rgba(drawn(element) ? (style.fill === "none" ? "transparent" : style.fill) : style.backgroundColor);
    if (drawn(element)) colour[3] *= style.fillOpacity * style.opacity;
    return colour;
  };
  const sheet = document.body.appendChild(document.createElement("div"));
  sheet.style.backgroundColor = "Canvas";
  const bottom = painted(sheet).slice(0, 3); // white by day, dark by night
  sheet.remove();
  const ground = (element) => {
    element.scrollIntoView({ block: "center", inline: "center" });
    const box = element.getBoundingClientRect();
    const under = document.elementsFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    const below = under.filter((other) => !element.contains(other) && !(drawn(other) && other.closest("text")));
    return below.reverse().reduce((back, other) => over(painted(other), back), bottom);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = new Set();
  while (walker.nextNode()) if (walker.currentNode.data.trim()) texts.add(walker.currentNode.parentElement);
  for (const element of texts) {
    const style = getComputedStyle(element);
    const back = over(drawn(element) ? [0, 0, 0, 0] : painted(element), ground(element));
    const front = rgba(drawn(element) ? style.fill : style.color);
    front[3] *= style.opacity;
    const [light, dark] = [luminance(back), luminance(over(front, back))].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < least) say(element, `has a contrast of ${contrast.toFixed(2)}, less than ${least}`);
  }
  for (const element of document.querySelectorAll("*")) element.scrollTo(0, 0);
  return faults;
}
