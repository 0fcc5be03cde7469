// Where a picture's pixels are on the page; nothing while there is no picture.
const shown = () => {
  const image = element.querySelector(".clickable img");
  if (!image?.naturalWidth) return null;
  const {naturalWidth: width, naturalHeight: height} = image, box = image.getBoundingClientRect();
  const scale = Math.min(box.width / width, box.height / height), around = element.getBoundingClientRect();
  const left = box.left + (box.width - scale * width) / 2, top = box.top + (box.height - scale * height) / 2;
  return {
    image, width, height, scale, left: left - around.left, top: top - around.top,
    pixel: ({clientX, clientY}) => [(clientX - left) / scale, (clientY - top) / scale],
  };
};
