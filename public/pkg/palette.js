// The command palette and the dialog of shortcuts: what the pages /search and /shortcuts show, without leaving the page.
// `boot.js` fetches this when the user presses one of their keys.
const WAIT_MS = 120;
let palette;

/** A new element with attributes and children. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

async function read(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (answer.redirected) throw new Error("Your session has ended. Reload the page to sign in.");
  if (!answer.ok) throw new Error("The server can't search right now. Try again.");
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Opens the palette, or closes it. The focus returns by itself: it is a modal dialog. */
export function search() {
  if (palette?.open) return palette.close();
  palette ??= build();
  palette.showModal();
  palette.begin();
}

function build() {
  const input = make("input", { type: "text", role: "combobox", "aria-label": "Search or run a command", "aria-controls": "palette-list",
    "aria-expanded": "true", "aria-autocomplete": "list", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: "2100",
    placeholder: "Hook, event type, ID, page or action" });
  const list = make("div", { id: "palette-list", role: "listbox", "aria-label": "Results" });
  const note = make("p", { role: "status", class: "faint" });
  const dialog = make("dialog", { class: "palette", "aria-label": "Search and commands" }, input, note, list);
  let options = [], active = -1, asked = 0, shown = 0, timer;

  function mark(place) {
    options[active]?.setAttribute("aria-selected", "false");
    active = options.length === 0 ? -1 : (place + options.length) % options.length;
    const option = options[active];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function choose(option) {
    const source = option?.source;
    if (!source) return;
    if (source instanceof HTMLAnchorElement) {
      dialog.close();
      return location.assign(source.href);
    }
    const form = document.importNode(source, true);
    form.hidden = true;
    document.body.append(form);
    form.requestSubmit();
  }

  function show(groups) {
    options = [];
    list.replaceChildren(...groups.map((group) => {
      const title = group.querySelector("h2").textContent;
      const items = [...group.querySelectorAll("li")].map((item) => {
        const source = item.querySelector("a, form");
        const about = item.querySelector(".faint")?.textContent;
        const option = make("div", { role: "option", id: `palette-${options.length}`, "aria-selected": "false" },
          make("span", {}, source.textContent.trim()), ...(about ? [make("span", { class: "faint" }, about)] : []));
        option.source = source;
        options.push(option);
        return option;
      });
      return make("div", { role: "group", "aria-label": title }, make("p", { class: "faint", "aria-hidden": "true" }, title), ...items);
    }));
    active = -1;
    mark(0);
  }

  async function ask() {
    const mine = ++asked;
    input.asked = input.value;
    try {
      const page = await read(`/search?list=on&q=${encodeURIComponent(input.value)}`);
      if (mine <= shown) return;
      shown = mine;
      show([...page.querySelectorAll("#found section")]);
      note.textContent = page.querySelector("main [role=status]:not(.notice)")?.textContent ?? "";
    } catch (error) {
      if (mine === asked) {
        show([]);
        note.textContent = error.message;
      }
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  });
  input.addEventListener("keydown", async (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active - 1);
    else if (event.key !== "Enter") return;
    event.preventDefault();
    if (event.key !== "Enter") return;
    clearTimeout(timer);
    // What was typed last counts, not what was found for its beginning.
    if (shown < asked || input.value !== input.asked) await ask();
    choose(options[active]);
  });
  list.addEventListener("click", (event) => choose(event.target.closest("[role=option]")));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.begin = () => {
    input.value = "";
    input.focus();
    ask();
  };
  document.body.append(dialog);
  return dialog;
}

/** Opens the list of shortcuts. */
export async function shortcuts() {
  const keys = (await read("/shortcuts")).querySelector("#keys");
  const close = make("button", { type: "button" }, "Close");
  const title = make("h2", { id: "shortcuts-title" }, "Keyboard shortcuts");
  const dialog = make("dialog", { class: "shortcuts", "aria-labelledby": "shortcuts-title" }, title, document.importNode(keys, true), close);
  toggle(dialog.querySelector("[data-keys]"));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** A button that turns single keys off or on in this browser: people who dictate type them by accident. */
export function toggle(place) {
  const button = make("button", { type: "button" });
  const status = make("span", { role: "status", class: "faint" });
  const name = () => {
    button.textContent = localStorage.getItem("keys") === "off" ? "Turn single-key shortcuts on" : "Turn single-key shortcuts off";
  };
  button.addEventListener("click", () => {
    const isOff = localStorage.getItem("keys") === "off";
    if (isOff) localStorage.removeItem("keys");
    else localStorage.setItem("keys", "off");
    name();
    status.textContent = ` Single-key shortcuts are ${isOff ? "on" : "off"} in this browser.`;
  });
  name();
  place?.replaceChildren(button, status);
}
