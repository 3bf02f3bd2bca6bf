// Package mhc gives a transformer several residual streams that its sublayers
// read, mix and write: hyper-connections and their manifold-constrained form,
// whose mixing can neither amplify nor lose the signal.
//
// # Method
//
// Each token has n streams of C values, X [n, C], that persist through all
// layers. Every sublayer F, attention or MLP with its own norm, has three maps of
// its own and computes (arXiv:2409.19606; arXiv:2512.24880, Eq. 3)
//
//	u    = Σ_j pre_j·X_j                read
//	y    = F(u)
//	X'_i = Σ_j R_ij·X_j + post_i·y      mix and write
//
// The maps depend on the token. With v the streams as one vector of n·C values and
// parameters φ [2n+n², n·C], b [2n+n²] and α [3], in this order pre, post, R:
//
//	m    = φ·v / √(mean(v²) + 1e-6)
//	pre  = σ(α₀·m + b)                  in (0, 1)
//	post = 2σ(α₁·m + b)                 in (0, 2)
//	A    = α₂·m + b                     logits of R
//
// R is kept doubly stochastic: rows and columns sum to 1 and no entry is negative.
// Then ‖R‖₂ ≤ 1, the sum of the streams is conserved, and so are both properties
// under products, however deep the model is. There are three ways from A to R:
//
//	birkhoff     θ = softmax(A) over the n! permutation matrices P_k and
//	             R = Σ_k θ_k·P_k (mHC-lite, arXiv:2601.05732): exact for any A.
//	             φ and b have 2n+n! rows. Up to n = 4.
//	sinkhorn     exp(A), then t times: divide the columns, then the rows, by their
//	             sums (arXiv:2512.24880, Eq. 9). Rows are exact, columns converge
//	             slowly for large logits: Gains.Residual reports the error.
//	sinkhorn_v4  the order and ε of DeepSeek-V4's code: M = softmax of the rows + ε,
//	             columns, (t-1)·(rows, columns), each divided by its sum + ε, and
//	             R = Mᵀ
//
// For n = 2 both limits are one: R₀₀ = σ((A₀₀+A₁₁-A₀₁-A₁₀)/2).
//
// The mixing "free" has no constraint: these are hyper-connections. Stream j alone,
// v = X_j, says with φ [n+2, C] how it is read, goes to each stream and is written:
//
//	pre_j = b + α₀·tanh(m_0),  R_ij = b + α₂·tanh(m_(1+i)),  post_j = b + α₁·tanh(m_(n+1))
//
// Open copies the embedding to all streams, Close takes their mean.
//
// # Initial values
//
// φ = 0, α = 0.01. For sublayer ℓ, counted through the model, σ(b) of pre is 0.7
// for stream ℓ mod n and 0.3/(n-1) for the others, b of post is 0 (post = 1), and
// the logits of R are 0 for the identity and Config.OffDiagonal (-8) elsewhere. All
// streams are alike then and Σ pre = 1, so the model computes exactly what it would
// with one stream. But the gradients of post differ between streams, so they
// separate at the first update; with equal biases and φ = 0 they never would, and R
// would have no gradient for ever. Hyper-connections begin with pre = 1 for stream
// ℓ mod n and 0 for the others, post = 1, R = I.
//
// # Defaults
//
// Mixing birkhoff; 20 iterations; OffDiagonal -8. At -8 the gradients of R are small,
// about 3e-4 of what they are for a uniform R: -4 lets it move earlier.
//
// # Meters
//
// Meter follows the product of all R: its largest absolute row sum bounds what the
// forward signal, its largest column sum what the gradient gains through depth. Both
// are 1 for doubly stochastic maps and grow with depth for free ones.
//
// # Differences from the papers
//
// The default mixing is mHC-lite's, with the norm and the gates of mHC. Initial pre
// and post are ours, see above. In hyper-connections pre and R have a gate each, the
// norm has no gain, and v is divided by its root mean square. φ is stored [out, in].
//
// # Caveats
//
// Everything is float32. R of the last sublayer has no gradient, because the mean of
// the streams does not depend on it. The streams take n times the memory of one at
// every sublayer.
package mhc
