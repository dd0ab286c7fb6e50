"use strict";

const part = (id) => document.getElementById(id);
/** What `/v1/models` says. */
let known = { models: [] };
/** Counts questions: an answer that is overtaken is not shown. */
let asked = 0;
let camera = null;
let shownAddress = null;

function say(text, isWrong = false) {
  part("status").textContent = text;
  part("status").classList.toggle("wrong", isWrong);
}

/** What the server answers; what it refuses is thrown, in its own words. */
async function ask(address, options = {}) {
  const key = part("key").value;
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  const response = await fetch(address, { ...options, headers });
  if (response.status === 401) part("access").hidden = false;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const problem = answer && answer.error ? answer.error : { message: `the server answered ${response.status}` };
  throw new Error(problem.hint ? `${problem.message}; ${problem.hint}` : problem.message);
}

function failed(error) {
  say(error instanceof TypeError ? "The server cannot be reached." : error.message, true);
}

/** The version that is chosen, with its model's name. */
function chosen() {
  const [name, version] = part("model").value.split("@");
  const model = known.models.find((model) => model.name === name);
  return model ? { name, ...model.versions.find((each) => String(each.version) === version) } : null;
}

async function learn() {
  known = await ask("/v1/models");
  const options = known.models.flatMap(({ name, versions }) =>
    [...versions].reverse().map(({ version }) => {
      const option = new Option(versions.length > 1 ? `${name}, version ${version}` : name, `${name}@${version}`);
      return option;
    }),
  );
  part("model").replaceChildren(...options);
  const first = options.find((option) => option.value.startsWith(`${known.default}@`));
  if (first) first.selected = true;
  part("choice").hidden = options.length < 2;
  part("heat-choice").hidden = !known.heatmaps;
  showCard();
}

function row(name, value) {
  const term = document.createElement("dt");
  term.textContent = name;
  const told = document.createElement("dd");
  told.textContent = value;
  return [term, told];
}

const percent = (share) => `${(share * 100).toFixed(1)}%`;

function showCard() {
  const model = chosen();
  if (!model) return;
  const { height, width, channels } = model.input;
  const figures = Object.entries(model.metrics).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  const rows = [
    row("Name", `${model.name}, version ${model.version}`),
    row("Network", `${model.network}: ${model.parameters.toLocaleString("en")} parameters, ${model.multiply_adds.toLocaleString("en")} multiply-adds`),
    row("Sees", `${width} × ${height} pixels, ${channels === 1 ? "grey" : "in colour"}`),
    row("Classes", String(model.classes.length)),
    ...(figures.length ? [row("Measured in training", figures.join(", "))] : []),
    ...(model.temperature ? [row("Temperature", String(model.temperature))] : []),
    ...(model.reject ? [row("Not sure enough below", percent(model.reject))] : []),
    row("Loaded", model.loaded),
    ...(model.reload_problem ? [row("Its file has changed, but", model.reload_problem)] : []),
  ];
  part("card").replaceChildren(...rows.flat());
  part("class-names").textContent = model.classes.join(", ");
  part("classes-all").hidden = false;
}

function showClasses(entry) {
  const rows = entry.top.map(({ label, probability }) => {
    const line = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = label;
    const bar = document.createElement("meter");
    bar.max = 1;
    bar.value = probability;
    bar.setAttribute("aria-label", `${label}: ${percent(probability)}`);
    const cells = [document.createElement("td"), document.createElement("td")];
    cells[0].append(bar);
    cells[1].textContent = percent(probability);
    line.append(name, ...cells);
    return line;
  });
  part("classes").tBodies[0].replaceChildren(...rows);
}

function headline(entry) {
  if (entry.labels) return entry.labels.length ? entry.labels.map(({ label }) => label).join(", ") : "None of the classes";
  return `${entry.rejected ? "Not sure enough: " : ""}${entry.label}, ${percent(entry.probability)}`;
}

function showAnswer(entry, took) {
  showClasses(entry);
  const { prepare, wait, infer } = entry.milliseconds;
  part("times").textContent =
    `${took.toFixed(1)} ms from here to the server and back; there ${prepare} ms decoding, ${wait} ms waiting, ${infer} ms in the network.`;
  part("heat-figure").hidden = !entry.heatmap;
  if (entry.heatmap) {
    part("heat-shown").src = entry.heatmap;
    part("heat-shown").alt = `Where the model sees what speaks for ${entry.label}`;
  }
  part("answer").hidden = false;
  say(headline(entry));
}

async function predict(file) {
  const mine = ++asked;
  const model = chosen();
  if (!model) return;
  say("Asking…");
  const address = new URL("/v1/predict", location.href);
  const query = { model: model.name, version: model.version, ...(part("heat").checked ? { heatmap: true } : {}) };
  Object.entries(query).forEach(([name, value]) => address.searchParams.set(name, value));
  const begun = performance.now();
  try {
    const answer = await ask(address, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
    if (mine !== asked) return;
    if (shownAddress) URL.revokeObjectURL(shownAddress);
    shownAddress = URL.createObjectURL(file);
    part("shown").src = shownAddress;
    part("shown").alt = "The image that was asked about";
    part("shown-name").textContent = file.name || "";
    showAnswer(answer.predictions[0], performance.now() - begun);
  } catch (error) {
    if (mine !== asked) return;
    part("answer").hidden = true;
    failed(error);
  }
}

function predictFirst(files) {
  const image = [...files].find((file) => file.type.startsWith("image/") || file.type === "");
  if (image) predict(image);
  else if (files.length) say("That is no image.", true);
}

async function openCamera() {
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    say("The camera cannot be used: it is not there, or this page may not use it (it may over HTTPS or on this computer).", true);
    return;
  }
  part("video").srcObject = camera;
  await part("video").play();
  part("live").hidden = false;
  part("shoot").focus();
}

function closeCamera() {
  if (camera) camera.getTracks().forEach((track) => track.stop());
  camera = null;
  part("video").srcObject = null;
  part("live").hidden = true;
}

function shoot() {
  const video = part("video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => blob && predict(new File([blob], "camera.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92);
}

part("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  learn().then(() => say("The key is known."), failed);
});
part("model").addEventListener("change", showCard);
part("file").addEventListener("change", (event) => {
  predictFirst(event.target.files);
  // The same file may be chosen again.
  event.target.value = "";
});
part("camera").addEventListener("click", () => openCamera().catch(failed));
part("close").addEventListener("click", () => {
  closeCamera();
  part("camera").focus();
});
part("shoot").addEventListener("click", shoot);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && camera) closeCamera();
});
document.addEventListener("paste", (event) => predictFirst(event.clipboardData.files));
// Anywhere on the page: a drop beside the field would otherwise open the image in place of the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  part("drop").classList.add("over");
});
document.addEventListener("dragleave", () => part("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  part("drop").classList.remove("over");
  predictFirst(event.dataTransfer.files);
});
learn().catch(failed);
