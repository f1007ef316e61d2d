"""BOTAN, the bond-targeting graph network.

Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II C. The network has encoders for nodes and edges; n rounds of
message passing, which all use the same two multilayer perceptrons and update the edges first,

    h_e <- MLP_e [h_sender, h_receiver, h_e, h_e^0],
    h_v <- MLP_v [h_v, h_v^0, sum over incoming edges of h_e],

where h^0 are the encoded inputs; and two decoders, which give S_i from h_v and E_ij from h_e. Every perceptron has two
layers of the same width with a ReLU after each; the decoders have one more linear layer.

In the paper, the first layer of a perceptron acts on the concatenated inputs. Here its weight is split into one block
for each input instead, so that inputs of a particle are multiplied once per particle instead of once per edge, and
those that no round changes (h^0) once per configuration. There are 36 times as many edges as particles; their
perceptrons are computed by `glassbotan.learn.edge_update`.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize, relu

from glassbotan.learn.edge_ends import EdgeEndpoints
from glassbotan.learn.edge_update import Arithmetic, EdgePerceptron, Remade
from glassbotan.learn.graphs import Graph
from glassbotan.learn.inputs import TYPICAL_DISPLACEMENT
from glassbotan.predictors.botan import Network


class Perceptron(nn.Module):
    """Two linear layers, each followed by a ReLU; the first one can be applied block by block.

    Parameters
    ----------
    inputs : widths of the inputs, in the order of their concatenation
    width : width of both layers
    """

    def __init__(self, inputs: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.first = nn.Linear(sum(inputs), width)
        self.second = nn.Linear(width, width)

    def blocks(self) -> tuple[Tensor, ...]:
        """The weight of the first layer, split into one block (width, width of the input) for each input."""
        return self.first.weight.split(self.inputs, dim=1)

    def finish(self, before_first_relu: Tensor) -> Tensor:
        """Apply the rest of the perceptron to the values before the first ReLU."""
        return relu(self.second(relu(before_first_relu)))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the perceptron to concatenated inputs: (n, sum(inputs)) to (n, width)."""
        return self.finish(self.first(x))

    def on_edges(self, x: Tensor, arithmetic: Arithmetic) -> Tensor:
        """The same for edges: the first layer in the number type of x, the second in that of `arithmetic.products`."""
        y, *_ = EdgePerceptron.apply(
            x, self.first.weight, self.first.bias, self.second.weight, self.second.bias, arithmetic
        )
        return y


class Decoder(nn.Module):
    """A perceptron followed by a linear layer with an output for each sampling time.

    Parameters
    ----------
    width : width of its input and of the layers
    times : number of sampling times; the paper trains a network for each
    """

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.perceptron = Perceptron((width,), width)
        self.last = nn.Linear(width, times)

    def forward(self, x: Tensor) -> Tensor:
        """Decode: (n, width) to (n, times)."""
        return self.last(self.perceptron(x))

    def on_edges(self, x: Tensor, arithmetic: Arithmetic) -> Tensor:
        """The same for edges, with the last layer in the number type of its weights."""
        return self.last(self.perceptron.on_edges(x, arithmetic).to(self.last.weight.dtype))


class BOTAN(nn.Module):
    """The network that predicts S of every particle and E of every edge from the static structure.

    Parameters
    ----------
    settings : number of rounds and width
    states : number of states of the structure whose displacements are further inputs of the edges; the paper has none
    times : number of sampling times that are predicted together
    """

    def __init__(self, settings: Network, states: int = 0, times: int = 1) -> None:
        super().__init__()
        width = settings.width
        self.rounds = settings.rounds
        self.node_encoder = Perceptron((1,), width)
        self.edge_encoder = Perceptron((3, 3 * states, 3 * states), width)
        self.edge_update = Perceptron((width,) * 4, width)
        self.node_update = Perceptron((width,) * 3, width)
        self.node_decoder = Decoder(width, times)
        self.edge_decoder = Decoder(width, times)

    def spread_initial_weights(self) -> None:
        """Replace PyTorch's initial weights by random weights from which training needs fewer steps.

        Weights are drawn as in He et al., ICCV 2015, for ReLU, with three changes. Each unit in the first layer of the
        edge encoder becomes active beyond a plane; these planes lie at all distances from the origin up to the range of
        the edges, instead of only near the origin, so that distances can be distinguished from the first step. The
        weights for sums over neighbours are divided by 20, which is of the order of the number of neighbours, so that
        the sums neither dominate the update of a particle nor vanish in it. The last layers of the decoders are made
        smaller. On eight configurations of N = 1000, a network with PyTorch's initial weights learns no more than a
        function of the distance in forty epochs; with these weights it learns more in twenty.
        """
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                    nn.init.uniform_(module.bias, -0.3, 0.3)
            encoder = self.edge_encoder.first
            encoder.weight.copy_(1.5 * normalize(torch.randn_like(encoder.weight)))
            nn.init.uniform_(encoder.bias, -3.0, 3.0)
            *_, from_sum = self.node_update.blocks()
            from_sum.div_(20)
            for decoder in (self.node_decoder, self.edge_decoder):
                decoder.last.weight.mul_(0.3)

    def forward(self, graph: Graph, arithmetic: Arithmetic | None = None) -> tuple[Tensor, Tensor]:
        """Predict S and E on the network's scale (`glassbotan.learn.scaling`).

        Parameters
        ----------
        graph : graph of a configuration, or a batch of several
        arithmetic : how edges are computed; by default with PyTorch's operations in the number type of the weights

        Returns
        -------
        S (or another target of the particles) : (N, times)
        E : (n_e, times)
        """
        # Each output of a perceptron of edges is used by the next one alone.
        arithmetic = (arithmetic or Arithmetic(self.edge_update.second.weight.dtype))._replace(overwrites=True)
        products = arithmetic.products
        ends = graph.ends
        encoded_node = node = self.node_encoder(graph.species)
        encoded_edge = edge = self._encoded_edges(graph, arithmetic, ends)
        from_sender, from_receiver, from_edge, from_encoded_edge = self.edge_update.blocks()
        from_node, from_encoded_node, from_sum = self.node_update.blocks()
        edge_constant = linear(encoded_edge, from_encoded_edge.to(products), self.edge_update.first.bias.to(products))
        node_constant = linear(encoded_node, from_encoded_node, self.node_update.first.bias)
        second = self.edge_update.second

        x_remade = None
        for number in range(1, self.rounds + 1):
            at_ends = linear(node, from_sender), linear(node, from_receiver)
            # In float32, the edges of every second round are not kept, and computed again in the backward pass.
            again = products == torch.float32 and number % 2 and number < self.rounds and torch.is_grad_enabled()
            y_remade = Remade() if again else None
            edge, incoming, edge_constant = EdgePerceptron.apply(
                edge,
                from_edge,
                edge_constant,
                second.weight,
                second.bias,
                arithmetic,
                *at_ends,
                ends,
                x_remade,
                y_remade,
            )
            x_remade = y_remade
            node = self.node_update.finish(node_constant + linear(node, from_node) + linear(incoming, from_sum))

        return self.node_decoder(node), self.edge_decoder.on_edges(edge, arithmetic)

    def _encoded_edges(self, graph: Graph, arithmetic: Arithmetic, ends: EdgeEndpoints) -> Tensor:
        """The encoded edges, from r_ij and, if there are further states, the displacements of both ends to them."""
        encoder = self.edge_encoder
        of_separation, of_sender, of_receiver = encoder.blocks()
        at_ends: tuple[Tensor | EdgeEndpoints, ...] = ()
        if of_sender.shape[1]:
            displacements = graph.displacements / TYPICAL_DISPLACEMENT
            at_ends = linear(displacements, of_sender), linear(displacements, of_receiver), ends
        edge, *_ = EdgePerceptron.apply(
            graph.separation, of_separation, encoder.first.bias, encoder.second.weight, encoder.second.bias, arithmetic,
            *at_ends,
        )  # fmt: skip
        return edge
