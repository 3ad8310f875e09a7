// Package check sends requests to a webhook receiver and judges the answers. The receiver may
// be in any language. Some requests are such as Telegram's, and some come from others.
//
// It cannot see what the receiver's handler does, unless the bot calls an API that the package
// serves. Without it, nothing is told about an update that is handled twice, or that is
// answered before its work is done.
package check

import (
	"context"
	"fmt"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// Harm is what a fault costs.
type Harm string

// The values of Harm.
const (
	Lost     Harm = "lost"     // Telegram forgets an update that was not handled
	Repeated Harm = "repeated" // Telegram sends an update again that may have been handled
	Stuck    Harm = "stuck"    // Telegram sends an update for up to a day, and holds back those behind it
	Open     Harm = "open"     // others can send updates
	Slow     Harm = "slow"     // updates come later than they could
)

// Verdict is how a check ended.
type Verdict string

// The values of Verdict.
const (
	OK      Verdict = "ok"
	Fault   Verdict = "fault"
	Advice  Verdict = "advice"  // it costs little, or only under attack
	Unknown Verdict = "unknown" // it could not be seen
	Untried Verdict = "untried" // an earlier fault made it pointless
)

// Result is the result of one check.
type Result struct {
	Name     string        `json:"name"`
	Sentence string        `json:"sentence"` // what should be so
	Verdict  Verdict       `json:"verdict"`
	Harm     Harm          `json:"harm,omitempty"` // of a Fault or an Advice
	Evidence string        `json:"evidence"`       // what was seen
	Mend     string        `json:"mend,omitempty"` // what to do about it
	Took     time.Duration `json:"took_ns"`
}

// Config configures Run.
type Config struct {
	Target *wire.Target
	// Patience is how long an answer may take. If zero, 10 seconds. Telegram waits for 60.
	Patience time.Duration
	// Long makes the checks that take over a minute too.
	Long bool
	// API, if set, is the Bot API that the bot calls. Then Run also checks what it shows of the
	// bot's handler.
	API *API
	// Begin, if set, is called before each check.
	Begin func(name string)
}

// Failed reports whether the results have a fault.
func Failed(results []Result) bool {
	for _, r := range results {
		if r.Verdict == Fault {
			return true
		}
	}
	return false
}

// A check is one thing that a receiver should do.
type check struct {
	name     string
	sentence string
	harm     Harm
	mend     string
	run      func(*probe) finding
}

// finding is what a check has seen.
type finding struct {
	verdict  Verdict
	evidence string
	mend     string // replaces the check's
	harm     Harm   // replaces the check's
}

func ok(format string, args ...any) finding      { return found(OK, format, args) }
func fault(format string, args ...any) finding   { return found(Fault, format, args) }
func advice(format string, args ...any) finding  { return found(Advice, format, args) }
func unknown(format string, args ...any) finding { return found(Unknown, format, args) }

func found(v Verdict, format string, args []any) finding {
	return finding{verdict: v, evidence: fmt.Sprintf(format, args...)}
}

// Run makes all checks, one after the other. If the first update is not accepted, it makes no
// others, because they would only say the same. It ends early with the error of ctx.
func Run(ctx context.Context, cfg Config) ([]Result, error) {
	if cfg.Patience <= 0 {
		cfg.Patience = 10 * time.Second
	}
	p := newProbe(ctx, cfg)
	var results []Result
	for _, c := range all(cfg) {
		if cfg.Begin != nil {
			cfg.Begin(c.name)
		}
		start := time.Now()
		f := finding{verdict: Untried, evidence: "not tried, because " + p.hopeless}
		if p.hopeless == "" {
			f = c.run(p)
		}
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		r := Result{Name: c.name, Sentence: c.sentence, Verdict: f.verdict, Evidence: f.evidence, Took: time.Since(start)}
		if f.verdict == Fault || f.verdict == Advice {
			r.Harm, r.Mend = c.harm, c.mend
			if f.mend != "" {
				r.Mend = f.mend
			}
			if f.harm != "" {
				r.Harm = f.harm
			}
		}
		results = append(results, r)
	}
	return results, nil
}

func all(cfg Config) []check {
	checks := append([]check{first}, deliveries...)
	if cfg.API != nil {
		checks = append(checks, observed...)
	}
	checks = append(checks, connections...)
	checks = append(checks, strangers...)
	if cfg.Long {
		checks = append(checks, longOnes...)
	}
	return append(checks, last)
}
