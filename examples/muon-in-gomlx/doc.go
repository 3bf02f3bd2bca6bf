// Command muon-in-gomlx uses Muon in a plain GoMLX program: GoMLX's layers,
// losses and Trainer, with our optimizer in the place of its own. It learns to
// tell the arms of a spiral apart, and compares Muon with AdamW over the same
// learning rates, initial weights and points.
package main
