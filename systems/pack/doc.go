// Package pack lays tokenised documents into rows of a fixed length so that
// every token that can be predicted is predicted once.
//
// # What a row says
//
// Documents arrive as ids x[0] … x[L-1] that begin with BOS and end with EOS.
// Such a document has L-1 targets, x[1] … x[L-1]; EOS is one of them and is
// never an input. A piece of it scores n targets in a row of length T:
//
//	piece from 0         inputs   x[0]  x[1]  …  x[n-1]
//	                     targets  x[1]  x[2]  …  x[n]
//	piece from f > 0     inputs   BOS   x[f]    …  x[f+n-1]
//	                     targets  -1    x[f+1]  …  x[f+n]
//
// A continuation thus costs one position more: BOS is put in front, as every
// segment begins with it, and is not scored, or the model would learn that
// files begin in their middle. x[f], scored at the end of the piece before,
// is read again as context. Without a BOS (id -1) the extra position falls
// away. Over an epoch the targets that are not -1 are, document by document,
// exactly x[1] … x[L-1]: nothing is lost and nothing comes twice.
//
// Segments number the pieces of a row from 1; positions restart at 0 in each.
// Attention is to stay within a segment. Padding, at the end of a row, has
// token 0, target -1, position 0 and segment 0.
//
// # Method
//
// Documents are taken in blocks: as many consecutive ones as give BlockTokens
// positions. Each block is packed by itself from the lengths alone, by best
// fit decreasing (arXiv:2404.10830, Algorithm 1):
//
//  1. A document with more targets than a row holds is cut into full rows and
//     a rest.
//  2. Pieces in order of falling length (then document, then place) go to the
//     row with the least space that takes them; among equals to the row that
//     was changed last; or else to a new row.
//  3. While the space in the other rows suffices, the emptiest row is
//     dissolved: its pieces are cut again to fill the largest spaces of at
//     least max(2, T/16) positions. This bounds the padding when documents
//     have sizes that do not match, such as all a little over T/2.
//  4. The block's rows are permuted (package shuffle, key from the seed and
//     the block's first document), so that rows cut from one document do not
//     follow each other. Without Shuffle they stay in the order of their
//     first document.
//
// The tokens are read only when a row is asked for.
//
// # State
//
// The first document of the current block and the number of its rows already
// given out. Restoring plans that one block again, in milliseconds.
//
// # Defaults
//
//	BlockTokens   16 Mi positions, and at most 1 Mi documents: what is in
//	              memory is 24 bytes for each piece
//
// # Differences from the paper
//
// The paper packs the whole corpus at once and pads what does not fit; here a
// block is packed at a time, and step 3 replaces nearly all of the padding by
// a few more cuts.
//
// # Caveats
//
// Documents much longer than a row are seen in windows without their past; a
// longer row is the remedy. A corpus of fewer positions than one block leaves
// one row partly empty per epoch.
package pack
