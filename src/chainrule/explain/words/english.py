"""The words in English."""

from collections.abc import Mapping
from types import MappingProxyType

ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        "language": "English",
        "title": "One training step of a {model} with {parameters:,} parameters: "
        "step {step} of {optimizer}, samples: {samples}",
        # Sections
        "section.data": "The data",
        "section.model": "The model before the step",
        "section.forward": "Forward: from the input to the output",
        "section.loss": "The loss",
        "section.backward": "Backward: the chain rule",
        "section.update": "The update of {path}",
        "section.buffers": "What the model remembers of this batch",
        "intro.buffers": "These numbers are not trained: no derivative leads to them. The forward "
        "pass keeps them for later, when the model is used and there is no batch.",
        "section.after": "After the step",
        "section.weight": "One weight: {name}",
        "section.check": "The check",
        "intro.forward": "Each layer turns the numbers it is given into new ones. A formula "
        "stands first, then its shapes, then one entry with all its numbers.",
        "intro.loss": "One number says how wrong the output is. Training makes it smaller.",
        "intro.backward": "How much does the loss change when a number changes? The question is "
        "answered from the loss back to the first layer: each answer is the one before it, times "
        "the derivative of one step. The answers for the parameters are the gradient.",
        # The data
        "data.raw": "The sample as the data set holds it has the shape {shape}. Its {size} "
        "numbers are scaled; the largest shows how.",
        "data.x": "The input: {features} numbers a sample.",
        "data.class": "The right class: {names}",
        "data.target": "What the output should be.",
        "model.leaf": "The parameter or buffer {path} before the step.",
        "model.lr": "The learning rate.",
        "model.count": "The number of this step.",
        # Forward
        "forward.any": "The op `{op}`.",
        "forward.linear": "Every unit (there are {units}) adds up its inputs, each times a weight, "
        "and its bias.",
        "forward.matmul": "Rows times columns.",
        "forward.add": "Added up entry by entry.",
        "forward.multiply": "Multiplied entry by entry.",
        "forward.relu": "What is negative becomes 0: {zeros} of {size} units are off.",
        "forward.sigmoid": "Every number is squeezed into the range from 0 to 1.",
        "forward.tanh": "Every number is squeezed into the range from -1 to 1.",
        "forward.subtract": "The difference, entry by entry.",
        "forward.divide": "Divided entry by entry.",
        "forward.square": "Squared entry by entry.",
        "forward.sqrt": "The root of every entry.",
        "forward.exp": "e to the power of every entry.",
        "forward.log": "The logarithm of every entry.",
        "forward.sum": "Added up.",
        "conv.window": "One place of a convolution: for the entry [{entry}], kernel {kernel} lies "
        "on these numbers.",
        "conv.window.channels": "One place of a convolution: for the entry [{entry}], kernel "
        "{kernel} lies on these numbers, and on as many in each other of {channels} channels. "
        "Channel {channel} is shown: it adds most.",
        "conv.kernel": "The kernel that lies there. Numbers that lie on each other are multiplied, "
        "and the products added up; over the border there are zeros.",
        "forward.conv": "Every kernel slides over its input. At each place, the numbers under it "
        "are multiplied by its own and added up.",
        "forward.conv_bias": "Every kernel slides over its input. At each place, the numbers under "
        "it are multiplied by its own and added up; the kernel's bias is added.",
        "forward.max_pool": "The largest of each window of {window}. In the entry that is worked "
        "out the one at [{won}] won.",
        "forward.avg_pool": "The mean of each window of {window}.",
        "forward.mean": "The mean of all that is normalised together.",
        "forward.centred": "How far each number is from the mean.",
        "forward.variance": "The variance: the mean of the squared distances from the mean.",
        "forward.steadied": "A small number is added, so that nothing is divided by 0.",
        "forward.deviation": "One over the standard deviation.",
        "forward.normalised": "Normalised: what was taken together now has mean 0 and variance 1 "
        "(almost, for the small number under the root).",
        "forward.scaled": "Scaled by a factor that is learnt.",
        "forward.shifted": "Scaled by γ and shifted by β. Both are learnt, so that the layer can "
        "choose another mean and variance.",
        "forward.max": "The largest one.",
        # The loss
        "loss.any": "The loss, one number.",
        "loss.cross_entropy_ids": "The loss is -ln p of the right class. If the net were certain "
        "and right, it would be 0.",
        "loss.cross_entropy_ids.batch": "The loss is the mean over the {samples} samples of -ln p "
        "of the right class. If the net were certain and right, it would be 0.",
        "loss.divide": "The mean.",
        "loss.binary_cross_entropy_logits": "-ln p where the answer is yes, -ln(1 - p) where it "
        "is no, from the logit, so that nothing overflows.",
        "step.any": "A step of the loss.",
        "step.y": "The right class as a column: 1 in its place, 0 elsewhere.",
        "step.m": "The largest output. It is subtracted first, so that no power overflows.",
        "step.s": "The outputs, shifted so that the largest is 0. Softmax stays the same.",
        "step.q": "Each becomes a positive number.",
        "step.S": "Their sum.",
        "step.p": "Each one's share of the sum: the probability that the net gives the class.",
        "step.ℓ": "Of the sum over classes, y leaves one term, that of the right class: "
        "this is -ln p of that class.",
        # Backward
        "slope.any": "The chain rule: what arrives at {through}, times the derivative of `{op}`.",
        "slope.paths": "The value is used in {count} places; what comes back from each is added.",
        "slope.linear.0": "The error goes back through the same weights, transposed.",
        "slope.linear.1": "The error of each unit times the input that the weight multiplied: an "
        "outer product.",
        "slope.linear.1.batch": "The error of each unit times the input that the weight "
        "multiplied, added up over the {samples} samples.",
        "slope.linear.2": "A bias is added, so its derivative is the error itself.",
        "slope.linear.2.batch": "A bias is added, so its derivative is the error itself, added up "
        "over the {samples} samples.",
        "slope.matmul": "A matrix product passes the error on through the other factor, "
        "transposed.",
        "slope.relu": "A unit that is on passes the error on as it is; one that is off passes "
        "nothing. {zeros} of {size} are 0.",
        "slope.sigmoid": "The error times the slope of the sigmoid, which is h (1 - h).",
        "slope.tanh": "The error times the slope of tanh, which is 1 - h^2.",
        "slope.add": "A sum passes the error on as it is.",
        "slope.subtract": "A difference passes the error on, to what is subtracted with a minus.",
        "slope.multiply": "The error times the other factor.",
        "slope.square": "The error times the slope of the square, which is 2 x.",
        "slope.sum": "Every number in a sum counts the same.",
        "slope.conv.0": "A number of the input lay under every kernel, at several places: the "
        "errors there times the kernels' entries, added up.",
        "slope.conv.1": "An entry of a kernel is used at every place: the error there times the "
        "number that lay under the entry, added up over all places.",
        "slope.conv_bias": "A bias is added at every place of its channel: the errors there are "
        "added up.",
        "slope.max_pool": "In each window, the number that won gets the error; the others get "
        "nothing. {zeros} of {size} are 0.",
        "slope.avg_pool": "Every number of a window gets the same share of its error.",
        "slope.mean": "Every number has the same share in the mean, and takes that share of the "
        "error.",
        "slope.variance": "Through the variance: the error times its slope, which is 2 d over the "
        "number of values. d stands twice in d · d, so half of it comes on each of two paths.",
        "slope.centred": "The mean is subtracted everywhere: the errors are added up, with a "
        "minus.",
        "slope.steadied": "A sum passes the error on as it is.",
        "slope.deviation": "The error times the slope of 1/√v, which is -1/(2 v √v).",
        "slope.normalised": "The error times the other factor.",
        "slope.scaled": "The error times the other factor.",
        "slope.shifted": "A sum passes the error on as it is.",
        "slope.shifted.1.batch": "β is added to every value of its unit: their errors are added "
        "up.",
        "slope.cross_entropy_ids": "Softmax and logarithm together have a simple derivative: the "
        "probabilities minus the right answer.",
        "slope.cross_entropy_ids.0.batch": "Softmax and logarithm together have a simple "
        "derivative: the probabilities minus the right answer, here over the number of samples.",
        "slope.binary_cross_entropy_logits": "The probability minus the right answer.",
        # The update
        "update.any": "The update of {optimizer}, as its own code computes it.",
        "update.SGD": "A step against the derivative, as long as the learning rate says.",
        "update.Momentum": "The velocity remembers earlier derivatives; the step goes along it.",
        "update.Adam": "m remembers the derivatives, v their squares. The step is the learning "
        "rate times m over the root of v, both corrected for having begun at 0.",
        "update.memory": "What the optimizer remembers from before ({name}).",
        "update.corrected": "Corrected for having begun at 0.",
        "update.textbook": "The textbook's form of the same step. The code multiplies both sides "
        "of the fraction by a root, which saves work.",
        # Buffers
        "buffer.any": "The buffer {path} after the step: the forward pass changed it.",
        "buffer.running_mean": "The running mean moves a part of the way to the mean of this "
        "batch.",
        "buffer.running_var": "The running variance moves a part of the way to that of this batch "
        "(over n - 1 in place of n, as an estimate from a sample is).",
        "buffer.num_batches_tracked": "One batch more has been seen.",
        # After
        "after.loss": "The loss on the same samples, with the new parameters.",
        "after.predicted": "The derivatives promise a fall of {predicted}: each times its "
        "parameter's step, added up. The loss fell by {fall}, from {before} to {after}: the "
        "promise is {share} % of that. It is exact for very short steps.",
        "after.still": "The loss did not change.",
        # The check
        "check.passed": "All {statements} computed values were computed again from the numbers "
        "before them: largest difference {recomputed}. All {derivatives} derivatives agree with "
        "central differences of the loss: {numeric}. Gradients and update agree with eager "
        "chainrule: {framework}. (All relative.)",
        "check.failed": "FAILED: {failures}. Checked: {statements} values, largest difference "
        "{recomputed}; {derivatives} derivatives against central differences, {numeric}; eager "
        "chainrule, {framework}.",
        "check.failed_first": "The first step that does not hold: {symbol} = {formula}. It differs "
        "from {against} by {residual} (relative).",
        "check.recomputed": "the numbers before it",
        "check.numeric": "central differences",
        # Phrases
        "more": "{count} more terms, together",
        "value.summary": "{shape}, from {low} to {high}, mean {mean}",
        "entry": "one entry",
        "shapes": "shapes",
        "value": "value",
        "checked": "checked",
        "numeric": "central differences",
        "contents": "Contents",
        "unfold": "Unfold all",
        "fold": "Fold all",
        "hint": "Point at a symbol, or move to it with Tab, to see its shape and its numbers.",
        # One weight
        "weight.value": "The weight before the step.",
        "weight.path": "A path to the loss: {way}. What it adds to the derivative is the product "
        "of the slopes on its way.",
        "weight.rest": "all other paths, together",
        "weight.gradient": "The derivative by the weight is the sum over its paths.",
        "weight.update": "Its update.",
        # Grading
        "grade.right": "right",
        "grade.total": "{right} of {all} right",
        "grade.shape": "the shape is {came}, expected {expected}",
        "grade.unknown": "the entry that is furthest off is {came}, expected {expected}: {formula}",
        "grade.carried": "follows rightly from the wrong values before it",
        "grade.bias": "the bias is forgotten: {formula}",
        "grade.transposed_weight": "the weights are transposed: {formula}",
        "grade.new_weight": "the weights after the update are used, where those before it "
        "belong: {formula}",
        "grade.sign": "the sign is wrong: {formula}",
        "grade.sum_for_mean": "a sum stands where a mean belongs: {formula}",
        "grade.mean_for_sum": "a mean stands where a sum belongs: {formula}",
        "grade.twice": "twice as much as it should be: {formula}",
        "grade.half": "half of what it should be: {formula}",
        "grade.added": "the step is added; it goes against the derivative: {formula}",
        "grade.no_rate": "the learning rate is forgotten: {formula}",
        "grade.unmoved": "this is the parameter before the step: {formula}",
        "grade.only_step": "this is the step alone, not the new parameter: {formula}",
        "grade.softmax_axis": "softmax goes over the wrong axis: each sample's probabilities sum "
        "to 1",
        "grade.softmax_sum": "softmax is not divided by the sum: {formula}",
        "grade.weight_for_slope": "this is the parameter itself, not the derivative by it: "
        "{formula}",
        "grade.activation": "the activation is forgotten: {formula}",
        "grade.mask": "what arrives is handed on as it is; the derivative of this step is "
        "forgotten: {formula}",
        "grade.value_for_slope": "multiplied by the value, where its slope belongs: {formula}",
        "grade.slope_alone": "this is the slope of this step alone, without what arrives: "
        "{formula}",
        "grade.transposed": "transposed: {formula}",
    }
)
