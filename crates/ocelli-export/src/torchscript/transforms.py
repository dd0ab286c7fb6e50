# What happens to images before the network: on tensors of N x C x H x W bytes, so that levels are rounded where they
# are when images are loaded from files. TorchScript; types are numbers here: 0 is uint8, 3 int32, 4 int64, 6 float32,
# 7 float64.

def to_bytes(x: Tensor) -> Tensor:
  # Floats are 0 to 1, as torchvision's ToTensor makes them; whole numbers are 0 to 255.
  assert torch.dim(x) == 4, "images must be N x C x H x W, for one image unsqueeze(0)"
  if torch.is_floating_point(x):
    return __torch__.ocelli.transforms.rounded(torch.mul(torch.to(x, 6), 255.))
  return torch.to(x, 0)

def rounded(x: Tensor) -> Tensor:
  return torch.to(torch.clamp(torch.round(x), 0., 255.), 0)

def channels(x: Tensor, count: int) -> Tensor:
  # Alpha is dropped; colours become grey as in Pillow's convert("L").
  found = torch.size(x, 1)
  assert found >= 1 and found <= 4, "images must have 1 to 4 channels"
  if found == count:
    return x
  if found < 3:
    grey = torch.narrow(x, 1, 0, 1)
    if count == 1:
      return grey
    return torch.cat([grey, grey, grey], 1)
  if count == 3:
    return torch.narrow(x, 1, 0, 3)
  levels = torch.to(x, 3)
  red = torch.mul(torch.narrow(levels, 1, 0, 1), 19595)
  green = torch.mul(torch.narrow(levels, 1, 1, 1), 38470)
  blue = torch.mul(torch.narrow(levels, 1, 2, 1), 7471)
  sum = torch.add(torch.add(torch.add(red, green), blue), 32768)
  return torch.to(torch.floor_divide(sum, 65536), 0)

def shorter_side(x: Tensor, size: int, max_size: int) -> List[int]:
  # Height and width that torchvision's Resize brings an image to; 0 stands for what is not given.
  height = torch.size(x, 2)
  width = torch.size(x, 3)
  short = max(min(height, width), 1)
  longer = max(max(height, width), 1)
  new_short = size
  new_longer = size * longer // short
  if size == 0:
    new_short = max_size * short // longer
    new_longer = max_size
  elif max_size > 0 and new_longer > max_size:
    new_short = max_size * size // new_longer
    new_longer = max_size
  new_short = max(new_short, 1)
  new_longer = max(new_longer, 1)
  if height <= width:
    return [new_short, new_longer]
  return [new_longer, new_short]

def resize(x: Tensor, size: List[int], mode: str, antialias: bool) -> Tensor:
  if torch.size(x, 2) == size[0] and torch.size(x, 3) == size[1]:
    return x
  if mode == "nearest":
    return torch.upsample_nearest2d(x, size, None)
  if mode == "nearest-exact":
    return torch._upsample_nearest_exact2d(x, size, None)
  # On the CPU PyTorch resizes bytes as they are; elsewhere it needs floats.
  y = x
  if x.device.type != "cpu":
    y = torch.to(x, 6)
  if mode == "bilinear":
    if antialias:
      y = torch._upsample_bilinear2d_aa(y, size, False, None)
    else:
      y = torch.upsample_bilinear2d(y, size, False, None)
  else:
    if antialias:
      y = torch._upsample_bicubic2d_aa(y, size, False, None)
    else:
      y = torch.upsample_bicubic2d(y, size, False, None)
  if torch.is_floating_point(y):
    return __torch__.ocelli.transforms.rounded(y)
  return y

def crop(x: Tensor, top: int, left: int, height: int, width: int, fill: int) -> Tensor:
  # Past the edges too: what is padded by less than nothing is cut off.
  right = left + width - torch.size(x, 3)
  bottom = top + height - torch.size(x, 2)
  return torch.constant_pad_nd(x, [-left, right, -top, bottom], fill)

def centre(side: int, size: int) -> int:
  if size > side:
    return -((size - side) // 2)
  spare = side - size
  half = spare // 2
  return half + (spare % 2) * (half % 2)

def center_crop(x: Tensor, height: int, width: int) -> Tensor:
  top = __torch__.ocelli.transforms.centre(torch.size(x, 2), height)
  left = __torch__.ocelli.transforms.centre(torch.size(x, 3), width)
  return __torch__.ocelli.transforms.crop(x, top, left, height, width, 0)

def five_crop(x: Tensor, height: int, width: int) -> List[Tensor]:
  bottom = torch.size(x, 2) - height
  right = torch.size(x, 3) - width
  assert bottom >= 0 and right >= 0, "an image is smaller than the crops"
  views = annotate(List[Tensor], [])
  for at in [[0, 0], [0, right], [bottom, 0], [bottom, right]]:
    views = views + [__torch__.ocelli.transforms.crop(x, at[0], at[1], height, width, 0)]
  return views + [__torch__.ocelli.transforms.center_crop(x, height, width)]

def sources(before: int, after: int, side: int, mode: str, x: Tensor) -> Tensor:
  # Which of so many rows or columns is seen at each place of the padded image.
  at = torch.arange(-before, side + after, dtype=4, device=x.device)
  if mode == "edge":
    return torch.clamp(at, 0, side - 1)
  repeated = 0
  if mode == "symmetric":
    repeated = 1
  most = side - 1 + repeated
  assert before <= most and after <= most, "padding shows more than an image has"
  at = torch.maximum(at, torch.rsub(at, -repeated))
  return torch.minimum(at, torch.rsub(at, 2 * side - 2 + repeated))

def pad(x: Tensor, left: int, top: int, right: int, bottom: int, mode: str) -> Tensor:
  rows = __torch__.ocelli.transforms.sources(top, bottom, torch.size(x, 2), mode, x)
  columns = __torch__.ocelli.transforms.sources(left, right, torch.size(x, 3), mode, x)
  return torch.index_select(torch.index_select(x, 2, rows), 3, columns)

def grayscale(x: Tensor) -> Tensor:
  levels = torch.to(x, 6)
  grey = torch.mul(torch.narrow(levels, 1, 0, 1), 0.2989)
  grey = torch.add(grey, torch.narrow(levels, 1, 1, 1), alpha=0.587)
  grey = torch.add(grey, torch.narrow(levels, 1, 2, 1), alpha=0.114)
  return torch.to(grey, 0)

def gaussian(size: int, sigma: float, x: Tensor) -> Tensor:
  at = torch.div(torch.arange(-(size // 2), size // 2 + 1, dtype=7, device=x.device), sigma)
  values = torch.exp(torch.div(torch.mul(at, at), -2.))
  return torch.to(torch.div(values, torch.sum(values)), 6)

def gaussian_blur(x: Tensor, width: int, height: int, sigma: float) -> Tensor:
  count = torch.size(x, 1)
  across = torch.expand(__torch__.ocelli.transforms.gaussian(width, sigma, x), [count, 1, 1, width])
  down = torch.reshape(__torch__.ocelli.transforms.gaussian(height, sigma, x), [1, 1, height, 1])
  down = torch.expand(down, [count, 1, height, 1])
  y = torch.reflection_pad2d(torch.to(x, 6), [width // 2, width // 2, height // 2, height // 2])
  y = torch.conv2d(y, across, None, [1, 1], [0, 0], [1, 1], count)
  y = torch.conv2d(y, down, None, [1, 1], [0, 0], [1, 1], count)
  return __torch__.ocelli.transforms.rounded(y)

def normalize(x: Tensor, mean: List[float], std: List[float]) -> Tensor:
  shape = [1, len(mean), 1, 1]
  means = torch.reshape(torch.tensor(mean, dtype=6, device=x.device), shape)
  stds = torch.reshape(torch.tensor(std, dtype=6, device=x.device), shape)
  return torch.div(torch.sub(x, means), stds)
