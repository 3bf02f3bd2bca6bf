// Package report writes report.html: one self-contained page about a run, with
// no script and nothing loaded from elsewhere.
//
// # Input
//
// Data is a plain value; every part that is empty leaves its section out.
// FromRun fills what a run directory knows (curves from metrics.jsonl, the
// configuration), the caller adds the rest.
//
// # Page
//
// Headline figures, plots, the compile rate with its interval and error codes,
// samples with their verdicts, corpus, tokenizer, parameters, configuration,
// environment. All text is escaped by html/template: a sample cannot become
// markup. A content security policy in the page forbids scripts and loading, so
// the page stays inert even when it is served from somewhere.
//
// # Plots
//
// Inline SVG. A series has at most as many points as the plot has columns: every
// column keeps its lowest and highest point, so spikes stay visible. Points that
// are not finite break the line. Noisy series are drawn faint, with a moving
// average over them. Series differ in colour and in dash pattern. Every plot has
// a title and a description for screen readers, and a table with first, last,
// lowest and highest value of each series.
//
// Colours follow the reader's preference for light or dark; text has a contrast
// of at least 4.5 to its background and lines of at least 3, which a test
// computes.
package report
