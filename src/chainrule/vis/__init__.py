"""Seeing into a net: filters, feature maps, what speaks for a class, how data and loss lie.

Each picture comes from one call, as `vis.saliency(run, image)`, and is a Matplotlib figure; the
numbers in it come from a function beside it, as `vis.input_gradient(run, image)`:

    picture      numbers                 what one sees
    filters      filter_weights          the weights of a layer, before and after training
    maps         feature_maps            what each channel of a layer makes of an image
    patches      strongest_patches       the parts of images that excite a unit most
    occlusion    occlusion_map           how an output falls when a part is covered
    saliency     input_gradient          the pixels that move an output most
    integrated   integrated_gradients    what each pixel adds to an output
    gradcam      grad_cam                where the last maps speak for an output
    maximise     maximising_images       what a unit would like to see
    embedding    principal_components,   how a layer lays out the data
                 t_sne of layer_outputs
    confusion    Run.evaluate            which classes are taken for which
    mistakes     worst_mistakes          the mistakes that a net is surest of
    surface      loss_line, loss_plane   the loss between weights and around them
    curves       Run.history             loss and accuracy by epoch

The first argument is a model or a run. A run knows the scale and shape of its images, its classes
and its data. Images are rows of pixels, (H, W) or (channels, H, W), as bytes, or as floats on the
scale that the model sees. A layer is named by its path, as `model.summary()` lists it. The net is
looked at in evaluation mode, and left as it was.
"""

from chainrule.vis.attribution import input_gradient, integrated_gradients, occlusion_map
from chainrule.vis.canvas import check_target
from chainrule.vis.embedding import embedding, layer_outputs, principal_components, t_sne
from chainrule.vis.filters import filter_weights, filters, initial_weights
from chainrule.vis.gradcam import grad_cam
from chainrule.vis.heat import gradcam, integrated, occlusion, saliency
from chainrule.vis.maps import feature_maps, maps
from chainrule.vis.maximise import Ascent, maximise, maximising_images
from chainrule.vis.mistakes import Mistake, confusion, curves, mistakes, worst_mistakes
from chainrule.vis.patches import Patch, patches, strongest_patches
from chainrule.vis.receptive import Reach, receptive_field
from chainrule.vis.surface import loss_line, loss_plane, random_direction, surface

__all__ = [
    "Ascent",
    "Mistake",
    "Patch",
    "Reach",
    "check_target",
    "confusion",
    "curves",
    "embedding",
    "feature_maps",
    "filter_weights",
    "filters",
    "grad_cam",
    "gradcam",
    "initial_weights",
    "input_gradient",
    "integrated",
    "integrated_gradients",
    "layer_outputs",
    "loss_line",
    "loss_plane",
    "maps",
    "maximise",
    "maximising_images",
    "mistakes",
    "occlusion",
    "occlusion_map",
    "patches",
    "principal_components",
    "random_direction",
    "receptive_field",
    "saliency",
    "strongest_patches",
    "surface",
    "t_sne",
    "worst_mistakes",
]
