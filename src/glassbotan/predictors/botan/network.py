"""BOTAN, the bond-targeting graph network.

Shiba et al., J. Chem. Phys. 158, 084503 (2023), Sec. II C: encoders for nodes and edges; n rounds of message passing
that all use the same two multilayer perceptrons, edges first,

    h_e <- MLP_e [h_sender, h_receiver, h_e, h_e^0],
    h_v <- MLP_v [h_v, h_v^0, sum over incoming edges of h_e],

where h^0 are the encoded inputs; and two decoders, S_i from h_v and E_ij from h_e. Every perceptron has two layers of
the same width with a ReLU after each; the decoders end in one linear layer more.

The first layer of a perceptron acts on concatenated inputs; here its weight is split into blocks, one for each input,
so that nothing is concatenated: what depends on a particle is multiplied once per particle instead of once per edge,
and what no round changes (h^0) once per configuration. Edges, 36 times as many as particles, go through
`glassbotan.learn.edge_update`.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize, relu

from glassbotan.learn.edge_update import Arithmetic, EdgeEndpoints, EdgePerceptron
from glassbotan.learn.graphs import Graph
from glassbotan.predictors.botan import Network


class Perceptron(nn.Module):
    """Two layers, each with a ReLU; the first is applied block by block.

    Parameters
    ----------
    inputs : widths of the inputs, in the order in which a concatenation would have them
    width : width of both layers
    """

    def __init__(self, inputs: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.first = nn.Linear(sum(inputs), width)
        self.second = nn.Linear(width, width)

    def blocks(self) -> tuple[Tensor, ...]:
        """The weight of the first layer, a block (width, input) for each input."""
        return self.first.weight.split(self.inputs, dim=1)

    def finish(self, before_first_relu: Tensor) -> Tensor:
        """Everything after the first layer's sum."""
        return relu(self.second(relu(before_first_relu)))

    def forward(self, x: Tensor) -> Tensor:
        """Apply to one input of full width, (n, sum(inputs)) to (n, width)."""
        return self.finish(self.first(x))

    def on_edges(self, x: Tensor, arithmetic: Arithmetic) -> Tensor:
        """The same for many edges, the second layer in the arithmetic's type, the first in that of x."""
        y, _ = EdgePerceptron.apply(
            x, self.first.weight, self.first.bias, self.second.weight, self.second.bias, arithmetic
        )
        return y


class Decoder(nn.Module):
    """A perceptron and a linear layer to one number."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.perceptron = Perceptron((width,), width)
        self.last = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) to (n,)."""
        return self.last(self.perceptron(x)).squeeze(-1)

    def on_edges(self, x: Tensor, arithmetic: Arithmetic) -> Tensor:
        """The same for many edges, the last layer in the type of its weights."""
        return self.last(self.perceptron.on_edges(x, arithmetic).to(self.last.weight.dtype)).squeeze(-1)


class BOTAN(nn.Module):
    """Predicts S of every particle and E of every edge from the static structure.

    Parameters
    ----------
    settings : number of rounds and width
    """

    def __init__(self, settings: Network) -> None:
        super().__init__()
        width = settings.width
        self.rounds = settings.rounds
        self.node_encoder = Perceptron((1,), width)
        self.edge_encoder = Perceptron((3,), width)
        self.edge_update = Perceptron((width,) * 4, width)
        self.node_update = Perceptron((width,) * 3, width)
        self.node_decoder = Decoder(width)
        self.edge_decoder = Decoder(width)

    def spread_initial_weights(self) -> None:
        """Replace PyTorch's initial weights by ones from which few steps suffice.

        Weights are He's for ReLU (He et al., ICCV 2015). The first layer of the edge encoder bends on planes at all
        distances from the origin within the range of the edges, not through the origin alone, so that distances can be
        told apart at once; and sums over neighbours start as something like means, so that rounds neither drown in
        them nor lose them. On eight configurations of N = 1000 PyTorch's weights learn nothing beyond a function of
        the distance in forty epochs; these do in twenty.
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
        """Predict, on the network's scale (`glassbotan.learn.scaling`).

        Parameters
        ----------
        graph : of a configuration, or a batch of several
        arithmetic : how edges are computed; by default in the type of the weights

        Returns
        -------
        S (or another target of the particles) : (N,)
        E : (n_e,)
        """
        arithmetic = arithmetic or Arithmetic(self.edge_update.second.weight.dtype)
        products = arithmetic.products
        ends = EdgeEndpoints(graph.edge_index, graph.reverse, len(graph.species))
        encoded_node = node = self.node_encoder(graph.species)
        encoded_edge = edge = self.edge_encoder.on_edges(graph.separation, arithmetic)
        from_sender, from_receiver, from_edge, from_encoded_edge = self.edge_update.blocks()
        from_node, from_encoded_node, from_sum = self.node_update.blocks()
        edge_constant = linear(encoded_edge, from_encoded_edge.to(products), self.edge_update.first.bias.to(products))
        node_constant = linear(encoded_node, from_encoded_node, self.node_update.first.bias)
        second = self.edge_update.second

        for _ in range(self.rounds):
            at_ends = linear(node, from_sender), linear(node, from_receiver)
            edge, incoming = EdgePerceptron.apply(
                edge, from_edge, edge_constant, second.weight, second.bias, arithmetic, *at_ends, ends
            )
            node = self.node_update.finish(node_constant + linear(node, from_node) + linear(incoming, from_sum))

        return self.node_decoder(node), self.edge_decoder.on_edges(edge, arithmetic)
