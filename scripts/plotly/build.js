// Build alviz/figures/plotly.min.js: plotly.js with the kinds of traces that our figures have, and no others.
//
//     cd scripts/plotly && npm install --no-package-lock && npm run build
//
// A third of the whole, it is read in a sixth of the time, which every visitor's first picture waits for. The options of esbuild are those of plotly's own bundles
// (esbuild-config.js in its package). After another kind of trace was added here, alviz/figures/plotlyjs.py names it too; a test compares the two.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { build } from "esbuild";

const require = createRequire(import.meta.url);
const { environmentPlugin } = require("esbuild-plugin-environment");
const { glsl } = require("esbuild-plugin-glsl");
const inlineCss = require("esbuild-plugin-inline-css");

const TRACES = ["bar", "contour", "heatmap", "scattergl"];  // scatter is part of the core
const { version } = JSON.parse(await readFile("node_modules/plotly.js/package.json", "utf8"));
const traces = TRACES.map((trace) => `require("plotly.js/lib/${trace}")`);

await build({
  stdin: {
    contents: `const Plotly = require("plotly.js/lib/core"); Plotly.register([${traces}]); module.exports = Plotly;`,
    resolveDir: import.meta.dirname,
  },
  outfile: "../../alviz/figures/plotly.min.js",
  banner: { js: `/**\n* plotly.js v${version} with scatter, ${TRACES.join(", ")}\n* Copyright 2012-2026, Plotly, Inc.\n* All rights reserved.\n* Licensed under the MIT license\n*/` },
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "Plotly",
  target: "es2016",
  plugins: [inlineCss(), glsl({ minify: true }), environmentPlugin({ NODE_DEBUG: false })],
  alias: { regl: "@plotly/regl", stream: "stream-browserify" },  // one regl for all
  define: { global: "window", "define.amd": "false" },
});
