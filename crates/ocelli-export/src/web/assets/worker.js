"use strict";

/**
 * What runs beside the page, so that the page never waits. It is made a worker of its text, since browsers start none from files on a disk.
 * It is told `part`, `begin` and `classify`, and answers with `ready`, `answer` or `failed`.
 */
function work() {
  /** More would not fit into the memory that WebAssembly has. */
  const MOST_PIXELS = 50e6;
  const arrived = { runtime: [], wasm: [], model: [] };
  let ort = null;
  let session = null;
  let channels = 3;

  async function unpack(text) {
    const raw = atob(text);
    const packed = new Uint8Array(raw.length);
    for (let at = 0; at < raw.length; at++) packed[at] = raw.charCodeAt(at);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  /** All pieces of one file; they are not kept. */
  async function whole(name) {
    const pieces = await Promise.all(arrived[name]);
    arrived[name] = [];
    return new Blob(pieces, { type: "text/javascript" });
  }

  async function begin(told) {
    channels = told.channels;
    ort = await import(URL.createObjectURL(await whole("runtime")));
    ort.env.logLevel = "error";
    // More threads need headers that few hosts send.
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = await (await whole("wasm")).arrayBuffer();
    const model = new Uint8Array(await (await whole("model")).arrayBuffer());
    session = await ort.InferenceSession.create(model);
    ort.env.wasm.wasmBinary = undefined;
    return { ready: true };
  }

  /** The picture as its file has it: turned as its EXIF says, with no colour and no transparency worked in. */
  async function decoded(picture) {
    if (!(picture instanceof Blob)) return picture;
    try {
      return await createImageBitmap(picture, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
    } catch {
      throw new Error("this browser cannot read it as a picture");
    }
  }

  function pixels(bitmap) {
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    for (let at = 3; at < data.length; at += 4) {
      if (data[at] < 255) return uncovered(bitmap) || data;
    }
    return data;
  }

  /** The colours under transparent pixels, which a canvas mixes with black, but WebGL does not; null where that cannot be had. */
  function uncovered(bitmap) {
    const { width, height } = bitmap;
    const gl = new OffscreenCanvas(1, 1).getContext("webgl");
    if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
    const data = new Uint8Array(width * height * 4);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, data);
    const whole = gl.getError() === gl.NO_ERROR;
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return whole ? data : null;
  }

  /** Four bytes of each pixel become three, or the one of Pillow's `convert("L")`. */
  function levels(data) {
    const count = data.length / 4;
    const made = new Uint8Array(count * channels);
    for (let pixel = 0; pixel < count; pixel++) {
      const [from, to] = [pixel * 4, pixel * channels];
      if (channels === 1) {
        made[to] = (19595 * data[from] + 38470 * data[from + 1] + 7471 * data[from + 2] + 0x8000) >> 16;
      } else {
        made[to] = data[from];
        made[to + 1] = data[from + 1];
        made[to + 2] = data[from + 2];
      }
    }
    return made;
  }

  async function classify({ picture }) {
    const begun = performance.now();
    const bitmap = await decoded(picture);
    const { width, height } = bitmap;
    if (width * height > MOST_PIXELS) {
      bitmap.close();
      throw new Error(`it has ${Math.ceil((width * height) / 1e6)} million pixels, and there is room for ${MOST_PIXELS / 1e6}`);
    }
    const images = new ort.Tensor("uint8", levels(pixels(bitmap)), [1, height, width, channels]);
    bitmap.close();
    const prepared = performance.now();
    const { probabilities } = await session.run({ images });
    return { probabilities: [...probabilities.data], width, height, decoding: prepared - begun, network: performance.now() - prepared };
  }

  self.onmessage = async ({ data }) => {
    try {
      if (data.part) arrived[data.part].push(unpack(data.text));
      else if (data.begin) self.postMessage(await begin(data.begin));
      else self.postMessage({ question: data.question, answer: await classify(data) });
    } catch (error) {
      self.postMessage({ question: data.question, failed: error.message || String(error) });
    }
  };
}
