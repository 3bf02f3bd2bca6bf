// Package track records what a run does and shows it: metrics.jsonl, TensorBoard
// event files, and the progress line on the terminal.
//
// # metrics.jsonl
//
// One JSON object a line, written at once and never changed:
//
//	{"time":"2026-01-02T15:04:05.123Z","kind":"train","step":12,"tokens":24576,
//	 "elapsed":3.21,"values":{"train/loss":2.31,"perf/tok_per_s":7600}}
//
//	field    type      meaning
//	time     string    RFC 3339, UTC
//	kind     string    start, resume, train, val, rust, note
//	step     integer   updates made so far
//	tokens   integer   positions seen so far, padding excluded
//	elapsed  number    seconds of training, without evaluation
//	values   object    name → number; null stands for a value that is not finite
//	text     string    of a note
//
// Other fields are an error for the reader. Steps never decrease: a run that is
// resumed after step n drops the records behind n first, because it makes those
// steps again, and adds a record of kind resume. A reader that finds two records
// of one kind and step takes the last. A last line without its end was cut off
// by a crash and does not count.
//
//	name                   unit
//	train/loss             nats per token
//	train/bpb, val/bpb     bits per byte
//	val/loss               nats per token
//	train/lr               multiplier of the schedule, or a rate
//	train/grad_norm        before clipping
//	train/skipped          1 where an update was skipped, absent elsewhere
//	loop/loss/T            nats per token after pass T of a looped model; train/loss is the last's
//	loop/exit/T            mean probability of ending after pass T
//	loop/entropy           of those probabilities, nats; loop/depth: mean pass at the end
//	mtp/loss/N             nats per token of the N-th next token
//	generate/acceptance    tokens for each verification, of samples that were drafted
//	perf/tok_per_s         tokens seen a second
//	perf/step_s            seconds of the step
//	perf/data_wait         share of the step spent waiting for data, 0 to 1
//	perf/mfu               share of the measured peak of the machine, 0 to 1
//	perf/rss_bytes         resident memory of the process, sampled once a second
//	rust/compile_rate      compiled / samples, with rust/compile_lo and rust/compile_hi
//	optim/update_rms/G     root mean square of the update of the optimizer's group G,
//	                       decay included; G is its place and rule, as in 0.muon
//	optim/weight_rms/G     of the group's weights after the step
//	optim/storage_error/G  relative error that the storage of Muon's momentum M makes
//	                       in the direction, ‖orth(M) - orth(Q(M))‖/‖orth(M)‖
//	precision/error/O      ‖Q(x)-x‖/‖x‖ of the operand O of the linears, as fprop.x or
//	                       wgrad.dy: the mean over those that quantise it
//	precision/cosine/O     cosine of the angle between Q(x) and x
//	precision/underflow/O  share of the values other than 0 that became 0
//	precision/clipped/O    share of the values beyond the format at their scale
//	precision/bias/O       root mean square of the mean error over its standard error: near
//	                       1 where rounding favours no direction
//	precision/spread/O/07  share of the blocks of O whose largest value is seven factors
//	                       of two below the tensor's, or at the last place more: the
//	                       histogram of the scales, where blocks have scales
//
//	mhc/layer/P            gain of the residual map of the sublayer at the place P of the forward
//	                       pass: the largest absolute sum of a row or column, the mean over tokens
//	mhc/forward/P          largest absolute row sum of the product of the maps up to P: what the
//	                       signal may gain
//	mhc/backward/P         its largest absolute column sum: what the gradient may gain
//	mhc/attenuation/P      its smallest absolute column sum
//	mhc/residual/P         largest distance of a row or column sum of the map from 1
//	mhc/cosine/P           mean cosine between the streams that the sublayer reads
//
// Those of the optimizer, of precision and of hyper-connections are in the records of the steps that were
// measured, every optim.health_every; the error of storage only where the momentum is
// not kept in float32.
//
// # TensorBoard
//
// Scalars under the same names and text go to
// events.out.tfevents.<unix>.<host>.<pid>.<n>, a TFRecord file: for every record
// the length (8 bytes, little endian), its checksum, the Event message and its
// checksum, where the checksum c is CRC-32C, masked as ((c>>15)|(c<<17)) +
// 0xa282ead8. The first event says brain.Event:2. A resumed run writes a new
// file that begins with a session event, at which TensorBoard drops the steps
// that are made again.
//
// # The progress line
//
// On a terminal one line is redrawn at most ten times a second and never reaches
// the last column, so it cannot wrap; what does not fit is left out, the least
// important first. Messages are printed above it. When the terminal has become
// narrower than what was drawn, the rows that the old line was folded into are
// cleared with it. Elsewhere (a pipe, a file, TERM=dumb) a plain line is written
// for the first step, then after gaps that grow from two seconds to one minute.
// Control characters in messages are replaced, so sampled text cannot drive the
// terminal. Colours are used on a terminal unless NO_COLOR is set.
package track
