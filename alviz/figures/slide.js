"use strict";
// Saves what a plot shows as a picture for a slide: 1920 × 1080, its title on top. Drawn at half that size and doubled, so that type, lines and
// points are as large as a slide wants them.
const SLIDE = { width: 960, height: 540, scale: 2 };

// title: plain text. look: {font, text, background}, as CSS says them.
function slideOf(plot, title, { font, text, background }) {
  const { data, layout } = structuredClone({ data: plot.data, layout: plot.layout });  // plotly writes into what it draws
  const escaped = title.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return {
    data,
    layout: {
      ...layout,
      autosize: false,
      width: SLIDE.width,
      height: SLIDE.height,
      paper_bgcolor: background,
      margin: { ...layout.margin, l: (layout.margin?.l ?? 16) + 16, r: (layout.margin?.r ?? 16) + 16, t: 64, b: (layout.margin?.b ?? 16) + 12 },
      title: { text: escaped, x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { l: 24, t: 20 },
        font: { family: font, size: 22, color: text } },
    },
  };
}

// name: of the file, without its ending. Plotly: the library. format: "png" or "svg".
function saveSlide(Plotly, plot, format, { name, title, look }) {
  return Plotly.downloadImage(slideOf(plot, title, look), { ...SLIDE, format, filename: name });
}
