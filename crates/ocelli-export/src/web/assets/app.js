"use strict";

const part = (id) => document.getElementById(id);
/** How many classes are shown of an answer. */
const SHOWN = 5;
/** How long the camera rests between two answers, and how long what is said aloud stays, in milliseconds. */
const REST = 150;
const ALOUD = 2000;
/** Answers that are awaited, by the number of the question. */
const awaited = new Map();
let asked = 0;
let camera = null;
/** Counts wishes for a camera: one that is overtaken is not opened. */
let opening = 0;
let facing = "environment";
let latest = null;

function say(text, isWrong = false) {
  part("status").textContent = text;
  part("status").classList.toggle("wrong", isWrong);
}

const percent = (share) => `${(share * 100).toFixed(1)}%`;

function made(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}

// The model.

const worker = new Worker(URL.createObjectURL(new Blob([`(${work})()`], { type: "text/javascript" })));
const begun = new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => {
    const waiting = awaited.get(data.question);
    awaited.delete(data.question);
    if (data.ready) resolve();
    else if (!waiting) reject(new Error(data.failed));
    else if (data.answer) waiting.resolve(data.answer);
    else waiting.reject(new Error(data.failed));
  };
  worker.onerror = (event) => {
    const error = new Error(event.message || "this browser starts no worker");
    reject(error);
    awaited.forEach((waiting) => waiting.reject(error));
    awaited.clear();
  };
});

/** Asks about a file, or about a frame of the camera, which is given away. */
async function classify(picture) {
  await loaded;
  const question = ++asked;
  return new Promise((resolve, reject) => {
    awaited.set(question, { resolve, reject });
    worker.postMessage({ question, picture }, picture instanceof Blob ? [] : [picture]);
  });
}

function script(file) {
  return new Promise((resolve, reject) => {
    const element = made("script", "", { src: file });
    element.onload = () => resolve(element.remove());
    element.onerror = () => reject(new Error(`${file} is missing`));
    document.head.append(element);
  });
}

async function load() {
  // What the scripts of `parts` call.
  globalThis.arrive = (name, text) => worker.postMessage({ part: name, text });
  const { parts, channels } = about;
  part("progress").max = parts.length + 1;
  for (const [done, file] of parts.entries()) {
    part("progress").value = done;
    await script(file);
  }
  part("progress").removeAttribute("value");
  worker.postMessage({ begin: { channels } });
  await begun;
  part("loading").hidden = true;
  document.documentElement.dataset.ready = "";
  if (!part("list").children.length) say("Ready.");
}

// What answers come to.

/** The places of the likeliest classes. */
function likeliest(probabilities) {
  return [...probabilities.keys()].sort((one, other) => probabilities[other] - probabilities[one]).slice(0, SHOWN);
}

/** The places of the classes that the answer says: those that reach their thresholds, or the likeliest if it is likely enough. */
function said(probabilities) {
  if (about.thresholds) return [...probabilities.keys()].filter((place) => probabilities[place] >= about.thresholds[place]);
  const [first] = likeliest(probabilities);
  return probabilities[first] < (about.reject ?? 0) ? [] : [first];
}

function headline({ probabilities }) {
  const places = said(probabilities);
  if (about.thresholds) return places.length ? places.map((place) => about.classes[place]).join(", ") : "None of the classes";
  const [first] = likeliest(probabilities);
  return `${places.length ? "" : "Not sure: "}${about.classes[first]}, ${percent(probabilities[first])}`;
}

function bars({ probabilities }) {
  const table = made("table");
  const head = made("thead", "", { class: "quiet" });
  const titles = made("tr");
  titles.append(...["Class", "Bar", "Probability"].map((title) => made("th", title, { scope: "col" })));
  head.append(titles);
  const body = made("tbody");
  const places = said(probabilities);
  for (const place of likeliest(probabilities)) {
    const [label, probability] = [about.classes[place], probabilities[place]];
    const line = made("tr", "", places.includes(place) ? { class: "said" } : {});
    const cell = made("td");
    const bar = made("meter", "", { max: 1, value: probability, "aria-label": `${label}: ${percent(probability)}` });
    cell.append(bar);
    line.append(made("th", label, { scope: "row" }), cell, made("td", percent(probability)));
    line.dataset.probability = probability;
    body.append(line);
  }
  table.append(made("caption", "Probabilities", { class: "quiet" }), head, body);
  return table;
}

const times = ({ width, height, decoding, network }) =>
  made("p", `${width} × ${height} pixels; ${decoding.toFixed(0)} ms decoding, ${network.toFixed(0)} ms in the model.`, { class: "note" });

function shownAnswer(answer, level) {
  return [made(level, headline(answer)), bars(answer), times(answer)];
}

// Pictures.

/** An entry of the list, which waits for its answer. */
function entry(file) {
  const item = made("li", "", { class: "columns" });
  const figure = made("figure");
  const image = made("img", "", { alt: file.name ? `The picture ${file.name}` : "The picture" });
  image.src = URL.createObjectURL(file);
  image.onerror = () => image.remove();
  figure.append(image, made("figcaption", file.name || ""));
  const told = made("div");
  told.append(made("p", "Waiting…"));
  item.append(figure, told);
  return { item, told, file };
}

async function answerOne({ item, told, file }) {
  try {
    const answer = await classify(file);
    told.replaceChildren(...shownAnswer(answer, "h3"));
    return headline(answer);
  } catch (error) {
    told.replaceChildren(made("p", `${file.name || "The picture"}: ${error.message}.`, { class: "wrong" }));
    item.dataset.failed = "";
    throw error;
  }
}

/** Asks about pictures one after the other, the first on top. */
async function answer(files) {
  const pictures = [...files].filter((file) => file.type.startsWith("image/") || file.type === "");
  if (!pictures.length) {
    if (files.length) say("That is no picture.", true);
    return;
  }
  const entries = pictures.map(entry);
  part("list").prepend(...entries.map(({ item }) => item));
  part("answers").hidden = false;
  if ("ready" in document.documentElement.dataset) say("Looking…");
  const outcomes = [];
  for (const each of entries) {
    if (!each.item.isConnected) return;
    outcomes.push(await answerOne(each).catch(() => null));
  }
  const failed = outcomes.filter((outcome) => outcome === null).length;
  const answered = outcomes.length - failed;
  if (outcomes.length === 1) say(outcomes[0] ?? entries[0].told.textContent, failed > 0);
  else say(`${answered} of ${outcomes.length} pictures answered.`, failed > 0);
}

function clear() {
  part("list").querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
  part("list").replaceChildren();
  part("answers").hidden = true;
  say("");
  part("file").focus();
}

// The camera.

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Opens the camera that faces as asked, unless something else is asked meanwhile. */
async function openCamera() {
  closeCamera();
  const mine = ++opening;
  const wanted = { facingMode: facing, width: { ideal: 640 }, height: { ideal: 480 } };
  const stream = await navigator.mediaDevices?.getUserMedia({ video: wanted }).catch(() => null);
  if (mine !== opening) return stop(stream);
  if (!stream) {
    say("The camera cannot be used: it is not there, or this page may not use it (it may over HTTPS, from this computer, or from its disk).", true);
    return;
  }
  camera = stream;
  stream.getVideoTracks()[0].onended = closeCamera;
  try {
    await show(stream);
    await watch(stream);
  } catch (error) {
    if (camera !== stream) return;
    closeCamera();
    say(error.message, true);
  }
}

async function show(stream) {
  part("video").srcObject = stream;
  part("live-answer").replaceChildren();
  part("live").hidden = false;
  // It is said aloud; to be seen it is beside the picture.
  part("status").classList.add("quiet");
  await part("video").play();
  const devices = await navigator.mediaDevices.enumerateDevices();
  part("turn").hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
  part("shoot").focus();
}

/** Answers about what the camera sees for as long as it is open. Aloud it is said when the answer is another, and not all the time. */
async function watch(stream) {
  let [told, at] = ["", 0];
  while (camera === stream) {
    const answer = await classify(await createImageBitmap(part("video")));
    if (camera !== stream) return;
    latest = answer;
    part("live-answer").replaceChildren(...shownAnswer(answer, "h3"));
    const label = said(answer.probabilities).join();
    if (label !== told && performance.now() - at > ALOUD) {
      say(headline(answer));
      [told, at] = [label, performance.now()];
    }
    await pause(REST);
  }
}

const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

function closeCamera() {
  opening++;
  if (!camera) return;
  stop(camera);
  camera = null;
  latest = null;
  part("video").srcObject = null;
  part("live").hidden = true;
  part("status").classList.remove("quiet");
  say("");
}

/** PNG, so that what is kept is what was seen. */
function shoot() {
  if (!latest) return;
  const video = part("video");
  const canvas = made("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => blob && answer([new File([blob], "camera.png", { type: "image/png" })]), "image/png");
}

// What is known of the model.

function showCard() {
  const figures = Object.entries(about.metrics).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  const number = (value) => value.toLocaleString("en");
  const rows = [
    ["Network", `${about.network}: ${number(about.parameters)} parameters, ${number(about.multiply_adds)} multiply-adds`],
    ["Sees", `${about.width} × ${about.height} pixels, ${about.channels === 1 ? "grey" : "in colour"}`],
    ["Classes", number(about.classes.length)],
    ...(figures.length ? [["Measured in training", figures.join(", ")]] : []),
    ...(about.temperature ? [["Temperature", String(about.temperature)]] : []),
    ...(about.reject ? [["Not sure below", percent(about.reject)]] : []),
    ["Size", `${(about.bytes / 2 ** 20).toFixed(1)} MiB, run by ONNX Runtime Web ${about.runtime_version}`],
    ["Made by", `Ocelli ${about.ocelli_version}`],
  ];
  part("card").replaceChildren(...rows.flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
  part("class-names").textContent = about.classes.join(", ");
  part("known").textContent = `${about.network} tells ${number(about.classes.length)} classes apart, in this page: nothing is sent anywhere.`;
}

part("file").addEventListener("change", (event) => {
  answer(event.target.files);
  // The same file may be chosen again.
  event.target.value = "";
});
part("camera").addEventListener("click", openCamera);
part("turn").addEventListener("click", () => {
  facing = facing === "environment" ? "user" : "environment";
  openCamera();
});
part("close").addEventListener("click", () => {
  closeCamera();
  part("camera").focus();
});
part("shoot").addEventListener("click", shoot);
part("clear").addEventListener("click", clear);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !camera) return;
  closeCamera();
  part("camera").focus();
});
document.addEventListener("visibilitychange", () => document.hidden && closeCamera());
addEventListener("pagehide", closeCamera);
document.addEventListener("paste", (event) => answer(event.clipboardData.files));
// Anywhere on the page: a drop beside the field would otherwise open the picture in place of the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  part("drop").classList.add("over");
});
document.addEventListener("dragleave", () => part("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  part("drop").classList.remove("over");
  answer(event.dataTransfer.files);
});

showCard();
const loaded = load();
loaded.catch((error) => {
  part("loading").hidden = true;
  say(`The model cannot be run: ${error.message}.`, true);
});
