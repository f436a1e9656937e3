// The menu of a list's row: its links are on the page once, in a template, and get the id of the row whose ⋯ was pressed.
// Without this ⋯ leads to the row's page, which has the same links.

function open(event) {
  const dots = event.target.closest("a.dots");
  const template = document.querySelector("template.row-menu");
  if (!dots || !template || !dots.showPopover || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const id = dots.pathname.split("/").pop();
  const known = document.getElementById(`m-${id}`);
  // Pressed again while it is open: that click has closed it.
  if (known) return known.remove();
  const menu = Object.assign(document.createElement("div"), { className: "menu-items", id: `m-${id}`, popover: "auto" });
  menu.append(template.content.cloneNode(true));
  for (const link of menu.querySelectorAll("a")) link.setAttribute("href", link.getAttribute("href").replace("{id}", id));
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState === "open") return dots.setAttribute("aria-expanded", "true");
    dots.removeAttribute("aria-expanded");
    menu.remove();
  });
  // Right behind the link: the next Tab goes into the menu.
  dots.after(menu);
  menu.showPopover({ source: dots });
}

export function startRowMenus() {
  document.addEventListener("click", open);
}
