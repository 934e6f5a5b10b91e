"""The words in Chinese."""

from collections.abc import Mapping
from types import MappingProxyType

CHINESE: Mapping[str, str] = MappingProxyType(
    {
        "language": "中文",
        "title": "{model}（{parameters:,} 个参数）的一步训练：{optimizer} 的第 {step} 步，"
        "样本数 {samples}",
        # Sections
        "section.data": "数据",
        "section.model": "这一步之前的模型",
        "section.forward": "前向：从输入到输出",
        "section.loss": "损失",
        "section.backward": "反向：链式法则",
        "section.update": "更新 {path}",
        "section.buffers": "模型从这一批记住的",
        "intro.buffers": "这些数不参加训练，没有导数通向它们。前向计算把它们留到以后："
        "模型使用时没有一批样本可用。",
        "section.after": "这一步之后",
        "section.weight": "一个权重：{name}",
        "section.check": "核对",
        "intro.forward": "每一层把得到的数变成新的数。先写公式，再写形状，最后把其中一个元素"
        "连同所有数字完整地算一遍。",
        "intro.loss": "用一个数说明输出错得多厉害。训练就是让它变小。",
        "intro.backward": "某个数变化时，损失变化多少？从损失开始一直问到第一层："
        "每个答案都等于前一个答案乘以一步的导数。对参数的答案就是梯度。",
        # The data
        "data.raw": "数据集中样本的形状是 {shape}。它的 {size} 个数要经过缩放；以最大的数为例。",
        "data.x": "输入：每个样本 {features} 个数。",
        "data.class": "正确的类别：{names}",
        "data.target": "期望的输出。",
        "model.leaf": "这一步之前的参数或缓冲 {path}。",
        "model.lr": "学习率。",
        "model.count": "这是第几步。",
        # Forward
        "forward.any": "运算 `{op}`。",
        "forward.linear": "{units} 个单元各自把每个输入乘以权重后相加，再加上偏置。",
        "forward.matmul": "行乘以列。",
        "forward.add": "逐个元素相加。",
        "forward.multiply": "逐个元素相乘。",
        "forward.relu": "负数变成 0：{size} 个单元中有 {zeros} 个关闭。",
        "forward.sigmoid": "每个数都被压到 0 和 1 之间。",
        "forward.tanh": "每个数都被压到 -1 和 1 之间。",
        "forward.subtract": "逐个元素相减。",
        "forward.divide": "逐个元素相除。",
        "forward.square": "逐个元素平方。",
        "forward.sqrt": "每个元素的平方根。",
        "forward.exp": "以 e 为底、每个元素为指数的幂。",
        "forward.log": "每个元素的对数。",
        "forward.sum": "相加。",
        "conv.window": "卷积的一个位置：对元素 [{entry}]，核 {kernel} 盖在这些数上。",
        "conv.window.channels": "卷积的一个位置：对元素 [{entry}]，核 {kernel} 盖在这些数上，"
        "在 {channels} 个通道的其他通道中也各盖住同样多的数。这里给出贡献最大的通道 {channel}。",
        "conv.kernel": "盖在那里的核。上下相对的数相乘，再把乘积相加；边界之外是零。",
        "forward.conv": "每个核在输入上滑动。在每个位置，把盖住的数与核的数相乘后相加。",
        "forward.conv_bias": "每个核在输入上滑动。在每个位置，把盖住的数与核的数相乘后相加，"
        "再加上这个核的偏置。",
        "forward.max_pool": "每个 {window} 窗口中最大的数。在写出的元素中，[{won}] 处的数胜出。",
        "forward.avg_pool": "每个 {window} 窗口的平均值。",
        "forward.mean": "一起归一化的所有数的平均值。",
        "forward.centred": "每个数离平均值有多远。",
        "forward.variance": "方差：离平均值的距离的平方的平均值。",
        "forward.steadied": "加上一个很小的数，以免除以 0。",
        "forward.deviation": "标准差的倒数。",
        "forward.normalised": "归一化：一起取的这些数现在平均值是 0，方差是 1"
        "（几乎是 1，因为根号下加了很小的数）。",
        "forward.scaled": "乘以一个学到的系数。",
        "forward.shifted": "乘以 γ，再加上 β。两者都是学来的，所以这一层可以选择别的平均值和方差。",
        "forward.max": "取最大的。",
        # The loss
        "loss.any": "损失，一个数。",
        "loss.cross_entropy_ids": "损失是正确类别的 -ln p。若网络确信而且正确，损失就是 0。",
        "loss.cross_entropy_ids.batch": "损失是 {samples} 个样本正确类别的 -ln p 的平均值。"
        "若网络确信而且正确，损失就是 0。",
        "loss.divide": "平均值。",
        "loss.binary_cross_entropy_logits": "答案为是时取 -ln p，为否时取 -ln(1 - p)；"
        "直接由 logit 计算，不会溢出。",
        "step.any": "损失的一步。",
        "step.y": "把正确类别写成一列：它的位置是 1，其余是 0。",
        "step.m": "最大的输出。先减去它，指数就不会溢出。",
        "step.s": "平移之后的输出，最大的变成 0。softmax 的结果不变。",
        "step.q": "每个都变成正数。",
        "step.S": "它们的和。",
        "step.p": "每个占总和的份额：网络给这个类别的概率。",
        "step.ℓ": "对各类别求和时，y 只留下正确类别那一项：这就是该类别的 -ln p。",
        # Backward
        "slope.any": "链式法则：到达 {through} 的导数，乘以 `{op}` 的导数。",
        "slope.paths": "这个值用在 {count} 处；从各处传回来的要加在一起。",
        "slope.linear.0": "误差经过同样的权重（转置）传回去。",
        "slope.linear.1": "每个单元的误差乘以权重所乘的输入：外积。",
        "slope.linear.1.batch": "每个单元的误差乘以权重所乘的输入，再对 {samples} 个样本求和。",
        "slope.linear.2": "偏置是加上去的，所以它的导数就是误差本身。",
        "slope.linear.2.batch": "偏置是加上去的，所以它的导数就是误差本身，"
        "对 {samples} 个样本求和。",
        "slope.matmul": "矩阵乘积把误差经过另一个因子（转置）传下去。",
        "slope.relu": "打开的单元原样传回误差，关闭的什么也不传。{size} 个中有 {zeros} 个是 0。",
        "slope.sigmoid": "误差乘以 sigmoid 的斜率 h (1 - h)。",
        "slope.tanh": "误差乘以 tanh 的斜率 1 - h^2。",
        "slope.add": "加法把误差原样传下去。",
        "slope.subtract": "减法把误差传下去，对减数要变号。",
        "slope.multiply": "误差乘以另一个因子。",
        "slope.square": "误差乘以平方的斜率 2x。",
        "slope.sum": "和里的每个数分量相同。",
        "slope.conv.0": "输入的一个数在几个位置被每个核盖住：那些位置的误差乘以核的元素，再相加。",
        "slope.conv.1": "核的一个元素在每个位置都用到：那里的误差乘以它盖住的数，"
        "再对所有位置相加。",
        "slope.conv_bias": "偏置加在它的通道的每个位置：把那些位置的误差相加。",
        "slope.max_pool": "每个窗口中，胜出的数得到误差，其余的什么也得不到。"
        "{size} 个中有 {zeros} 个是 0。",
        "slope.avg_pool": "窗口里的每个数得到误差的同样一份。",
        "slope.mean": "每个数在平均值里的份额相同，按这个份额得到误差。",
        "slope.variance": "经过方差：误差乘以它的斜率，即 2d 除以数的个数。"
        "d 在 d · d 中出现两次，所以两条路各传一半。",
        "slope.centred": "每个数都减去了平均值：误差相加，再变号。",
        "slope.steadied": "加法把误差原样传下去。",
        "slope.deviation": "误差乘以 1/√v 的斜率 -1/(2v√v)。",
        "slope.normalised": "误差乘以另一个因子。",
        "slope.scaled": "误差乘以另一个因子。",
        "slope.shifted": "加法把误差原样传下去。",
        "slope.shifted.1.batch": "β 加在它的单元的每个值上：把这些误差相加。",
        "slope.cross_entropy_ids": "softmax 和对数合在一起，导数很简单：概率减去正确答案。",
        "slope.cross_entropy_ids.0.batch": "softmax 和对数合在一起，导数很简单：概率减去正确答案，"
        "这里再除以样本数。",
        "slope.binary_cross_entropy_logits": "概率减去正确答案。",
        # The update
        "update.any": "{optimizer} 的更新，由它自己的代码计算。",
        "update.SGD": "逆着导数走一步，步长由学习率决定。",
        "update.Momentum": "速度记住以前的导数；沿着速度走一步。",
        "update.Adam": "m 记住导数，v 记住导数的平方。步长是学习率乘以 m 除以 v 的平方根，"
        "两者都对从 0 开始做了校正。",
        "update.memory": "优化器以前记住的（{name}）。",
        "update.corrected": "对从 0 开始做的校正。",
        "update.textbook": "同一步在教科书里的写法。代码把分子分母同乘一个根，省些计算。",
        # Buffers
        "buffer.any": "这一步之后的缓冲 {path}：前向计算改变了它。",
        "buffer.running_mean": "滑动平均值向这一批的平均值移动一部分。",
        "buffer.running_var": "滑动方差向这一批的方差移动一部分"
        "（除以 n - 1 而不是 n，由样本估计方差就是这样）。",
        "buffer.num_batches_tracked": "又看过了一批。",
        # After
        "after.loss": "用新参数在同样的样本上计算的损失。",
        "after.predicted": "导数预告损失下降 {predicted}：每个导数乘以参数的变化，再相加。"
        "损失实际下降 {fall}，从 {before} 到 {after}：预告是它的 {share} %。"
        "步子很小时预告才准确。",
        "after.still": "损失没有变化。",
        # The check
        "check.passed": "全部 {statements} 个算出的值都用它们之前的数重算过：最大差 "
        "{recomputed}。全部 {derivatives} 个导数与损失的中心差分一致：{numeric}。"
        "梯度和更新与即时执行的 chainrule 一致：{framework}。（都是相对误差。）",
        "check.failed": "核对失败：{failures}。核对了 {statements} 个值，最大差 {recomputed}；"
        "{derivatives} 个导数与中心差分比较，{numeric}；即时执行的 chainrule，{framework}。",
        "check.failed_first": "第一个不成立的步骤：{symbol} = {formula}。它与{against}相差 "
        "{residual}（相对）。",
        "check.recomputed": "由之前的数重算的值",
        "check.numeric": "中心差分",
        # Phrases
        "more": "另外 {count} 项之和",
        "value.summary": "{shape}，从 {low} 到 {high}，平均 {mean}",
        "entry": "一个元素",
        "shapes": "形状",
        "value": "值",
        "checked": "核对",
        "numeric": "中心差分",
        "contents": "目录",
        "unfold": "全部展开",
        "fold": "全部折叠",
        "hint": "指向一个符号，或用 Tab 键移到它上面，就能看到它的形状和数值。",
        # One weight
        "weight.value": "这一步之前的权重。",
        "weight.path": "通向损失的一条路：{way}。它给导数加上的，是沿途各斜率的乘积。",
        "weight.rest": "其余各路之和",
        "weight.gradient": "对这个权重的导数，是各条路之和。",
        "weight.update": "它的更新。",
        # Grading
        "grade.right": "正确",
        "grade.total": "{all} 个中有 {right} 个正确",
        "grade.shape": "形状是 {came}，应为 {expected}",
        "grade.unknown": "差得最多的元素是 {came}，应为 {expected}：{formula}",
        "grade.carried": "从前面错误的值正确地推出",
        "grade.bias": "忘了偏置：{formula}",
        "grade.transposed_weight": "权重转置了：{formula}",
        "grade.new_weight": "用了更新之后的权重，应当用之前的：{formula}",
        "grade.sign": "符号错了：{formula}",
        "grade.sum_for_mean": "该取平均的地方求了和：{formula}",
        "grade.mean_for_sum": "该求和的地方取了平均：{formula}",
        "grade.twice": "是正确值的两倍：{formula}",
        "grade.half": "是正确值的一半：{formula}",
        "grade.added": "步子加了上去；应当逆着导数走：{formula}",
        "grade.no_rate": "忘了学习率：{formula}",
        "grade.unmoved": "这是更新之前的参数：{formula}",
        "grade.only_step": "这只是步子，不是新的参数：{formula}",
        "grade.softmax_axis": "softmax 的轴错了：每个样本的概率之和应为 1",
        "grade.softmax_sum": "softmax 没有除以总和：{formula}",
        "grade.weight_for_slope": "这是参数本身，不是对它的导数：{formula}",
        "grade.activation": "忘了激活函数：{formula}",
        "grade.mask": "把传来的值原样传了下去，忘了这一步的导数：{formula}",
        "grade.value_for_slope": "乘了函数值，应当乘斜率：{formula}",
        "grade.slope_alone": "这只是这一步的斜率，没有乘传来的值：{formula}",
        "grade.transposed": "转置了：{formula}",
    }
)
