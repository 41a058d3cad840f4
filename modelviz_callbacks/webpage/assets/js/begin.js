/** Fills the page by `start`, and marks it as ready, or says on it why it is not. */
function begin(start) {
  start().then(
    () => (document.documentElement.dataset.ready = ""),
    (error) => {
      const told = `This page could not be shown: ${error.message}`;
      document.getElementById("panels").append(element("p", { class: "banner error", role: "alert" }, told));
      throw error;
    },
  );
}
