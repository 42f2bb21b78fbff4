// Dark or light: as the system says until the reader chooses.

const themeButton = document.getElementById("theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function remembered() {
  try {
    return localStorage.getItem("dfu-report-theme");
  } catch {
    return null; // a browser may forbid storage to files
  }
}

function remember(theme) {
  try {
    localStorage.setItem("dfu-report-theme", theme);
  } catch {
    // then the choice holds for this page only
  }
}

const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";

function nameThemeButton() {
  themeButton.textContent = isDark() ? "Light colours" : "Dark colours";
}

function startTheme() {
  const theme = remembered();
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  themeButton.hidden = false;
  nameThemeButton();
  prefersDark.addEventListener("change", nameThemeButton);
  themeButton.addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    remember(chosen);
    nameThemeButton();
  });
}
