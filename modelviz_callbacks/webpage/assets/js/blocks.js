/** Unpacks a block of the page: deflated text, in base64. */
async function unpack(name) {
  const packed = atob(document.getElementById(`block-${name}`).textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}
