const THEMES = ["auto", "light", "dark"];
const THEME_KEY = "modelviz-theme";

/** The button that goes from the system's colours to light to dark. */
class ThemeButton {
  constructor() {
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.chosen = readTheme();
    this.root = button("", () => this.next(), { class: "tool", title: "Colours: system, light, dark" });
    this.system.addEventListener("change", () => this.apply());
    this.apply();
  }

  next() {
    this.chosen = THEMES[(THEMES.indexOf(this.chosen) + 1) % THEMES.length];
    try {
      localStorage.setItem(THEME_KEY, this.chosen);
    } catch {
      // A file without a place to store in: the choice holds as long as the page is open.
    }
    this.apply();
  }

  apply() {
    const dark = this.chosen === "dark" || (this.chosen === "auto" && this.system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    const label = { auto: "◐ System", light: "○ Light", dark: "● Dark" }[this.chosen];
    this.root.textContent = label;
    this.root.setAttribute("aria-label", `Colours: ${this.chosen}`);
  }
}

function readTheme() {
  try {
    const stored = localStorage.getItem(THEME_KEY);
    return THEMES.includes(stored) ? stored : "auto";
  } catch {
    return "auto";
  }
}
