// A lesson to take away: what it shows is worked out on the server first, which takes its time.
for (const link of document.querySelectorAll(".shell-save")) {
  const status = link.nextElementSibling;
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    if (link.getAttribute("aria-disabled") === "true") return;
    link.setAttribute("aria-disabled", "true");
    status.textContent = "Working out what it shows, up to a minute …";
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const url = URL.createObjectURL(await answer.blob());
      const file = Object.assign(document.createElement("a"), { href: url, download: link.getAttribute("download") });
      file.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      status.textContent = "Saved.";
    } catch {
      status.textContent = "The server could not write it; try again in a moment.";
    }
    link.removeAttribute("aria-disabled");
  });
}
