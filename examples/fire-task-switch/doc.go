// Command fire-task-switch compares ways to go on when a trained network gets a
// new task: to train on as it is, to shrink and perturb its weights, to begin
// anew, FIRE, and two remedies that act all along, L2-init and ReDo.
//
// Two networks switch tasks. A perceptron with three hidden layers sees a tenth of
// a set of drawn digits until it knows them by heart, and then all of them. A
// transformer of two layers sees a page of generated Rust over and over, and then
// goes on with fresh Rust and lines of bracketed arithmetic, half and half.
//
// Every run leaves a file in the folder that -runs names and is skipped when that
// file is there. Rates are chosen on seed 0, figures are of the seeds from 1.
package main
