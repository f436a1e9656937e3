// The colours of pictures, read by the browser that took them.

/**
 * One row of each picture (a PNG's bytes): its colours from left to right, as `rgb(r,g,b)`.
 * `part` says which row: 0 is the top, 1 the bottom.
 */
export async function rowOf(page, part, pictures) {
  // Not on the page itself: its policy allows no pictures of others.
  const blank = await page.context().newPage();
  const data = pictures.map((png) => png.toString("base64"));
  const rows = await blank.evaluate(read, { data, part });
  await blank.close();
  return rows;
}

/** Runs in the blank page. */
function read({ data, part }) {
  return Promise.all(
    data.map(async (png) => {
      const image = new Image();
      image.src = `data:image/png;base64,${png}`;
      await image.decode();
      const { width, height } = image;
      const canvas = new OffscreenCanvas(width, height).getContext("2d");
      canvas.drawImage(image, 0, 0);
      const { data: bytes } = canvas.getImageData(0, Math.floor((height - 1) * part), width, 1);
      return Array.from(
        { length: width },
        (_, x) => `rgb(${bytes.slice(x * 4, x * 4 + 3).join(",")})`,
      );
    }),
  );
}
