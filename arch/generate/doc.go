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
