// Package generate samples text from a model on the CPU engine of package
// infer, reproducibly.
//
// # Method
//
// A token is drawn from the logits z of a row, in float64 and in this order:
//
//  1. temperature T = 0: the largest z, the lowest id among equal ones; done
//  2. w_i = exp((z_i - max z)/T)
//  3. top-k: keep the k largest w, among equal ones the lower ids
//  4. top-p: of those, sorted by falling w and rising id, keep the shortest
//     prefix whose sum is at least p times the sum of all kept (the nucleus,
//     arXiv:1904.09751); never fewer than one
//  5. u in [0, 1): the first kept id, in rising order, at which the running
//     sum of w exceeds u times the sum of all kept
//
// so a filter that removes nothing changes nothing, token for token.
//
// # Random numbers
//
// Token n (from 0) of row r under seed s uses one number that depends on
// nothing else, not on the other rows and not on what has been drawn:
//
//	u = mix(mix(mix(s) + r) + n)·2⁻⁶⁴, cut to 53 bits
//	mix(x): x += 9e3779b97f4a7c15; x ^= x>>30; x *= bf58476d1ce4e5b9;
//	        x ^= x>>27; x *= 94d049bb133111eb; x ^= x>>31      (hexadecimal)
//
// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014), applied
// three times.
//
// # Drafts
//
// With Options.Draft = γ the model is asked less often than tokens come: something
// cheaper drafts γ tokens, and one forward pass of the model over all of them
// yields the distributions p_0 … p_γ with which to verify them (arXiv:2211.17192).
// Draft x_n, drawn from q_n, is accepted when u·q_n(x_n) < p_n(x_n); the first that
// is not is replaced by a token from max(0, p_n - q_n)/Σ, and the rest are
// dropped; when all are accepted, one more token comes from p_γ. What is drawn has
// the distribution p exactly, whatever q is. At temperature 0 both are certain,
// and the result is that of drawing without drafts, token for token. p and q go
// through the same temperature and filters.
//
// Drafts come from the model's heads for later tokens (package mtp) or, with
// DraftDepth, from a looped model that makes fewer passes; what it has computed
// for a draft serves when it is verified. Result.Steps counts forward passes, so
// that len(IDs)/Steps is the acceptance length; with acceptance α of each draft
// (1-α^(γ+1))/(1-α) tokens are expected for each.
//
// Token n uses the number of the random numbers above to be drawn, one under seed
// mix(mix(s)+1) to be drafted and one under mix(mix(s)+2) to be accepted: what
// comes out depends on the prompt, the options and the row's number, as without.
//
// # Batches
//
// Generate keeps up to MaxRows rows in flight and starts the next prompt when one
// ends. A prompt that occurs several times is read once and its cache copied.
// Results do not depend on either.
//
// # Caveats
//
// The engine's logits are the same on every run of one machine; another
// processor may round differently and then, rarely, draw another token.
package generate
