"""How a file that Ocelli wrote as TorchScript is used: `python standalone_model.py`, in a folder that has it and a photograph."""

import torch
from PIL import Image
from torchvision import transforms as T

learn_inf = torch.jit.load("standalone_model.pt")
img = Image.open("photo.jpg")
x = T.ToTensor()(img).unsqueeze_(0)
softmax = learn_inf(x).squeeze()
print(f"Prediction: {learn_inf.class_names[softmax.argmax()]}")
