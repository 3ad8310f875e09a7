package oteltghook

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tghook/tghook"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// Middleware makes a span of each attempt. The spans that next makes are its children. Give it
// to [tghook.Chain], as the outermost: a [tghook.Album] is found through Chain only. If next is
// a [tghook.Kinds], or has the method AllowedUpdates, so has the handler that Middleware
// returns.
//
// A panic of next goes on unchanged. If a Sampler or SpanProcessor panics, the error goes to
// [otel.Handle], and next runs without a span.
func (t *Telemetry) Middleware(next tghook.Handler) tghook.Handler {
	traced := func(next tghook.Handler) tghook.Handler { return &tracedHandler{t, next} }
	return tghook.Chain(next, traced)
}

type tracedHandler struct {
	*Telemetry

	next tghook.Handler
}

// HandleUpdate calls the next handler within a span.
func (h *tracedHandler) HandleUpdate(ctx context.Context, u *tghook.Update) (reply tghook.Reply, err error) {
	ctx, open := h.startAttempt(ctx, u)
	if open == nil {
		return h.next.HandleUpdate(ctx, u)
	}
	failed := true // unless it returns
	defer func() { h.spans.returned(open, failed) }()
	reply, err = h.next.HandleUpdate(ctx, u)
	failed = err != nil
	return reply, err
}

// openAttempt is an attempt whose span has not ended.
type openAttempt struct {
	attemptOf
	span trace.Span

	// The mutex of spans guards these.
	named bool      // Observe has named the outcome
	ended time.Time // when the handler returned; zero if it has not
}

// attemptOf identifies an attempt.
type attemptOf struct {
	updateOf
	number int
}

// updateOf identifies an update among those of several bots.
type updateOf struct{ bot, id int64 }

// startAttempt starts a span. It returns nil if nobody records it.
func (t *Telemetry) startAttempt(ctx context.Context, u *tghook.Update) (inner context.Context, open *openAttempt) {
	inner = ctx
	defer func() {
		if broken := recover(); broken != nil {
			inner, open = ctx, nil
			report(fmt.Errorf("oteltghook: an attempt has no span, because its start panicked: %v", broken))
		}
	}()
	attempt, dispatched := tghook.AttemptFromContext(ctx)
	key := attemptOf{updateOf{attempt.Bot, u.ID}, attempt.Number}
	options := t.spans.optionsOf(t, key.bot, kindOf(u))
	if attempt.Number > 1 {
		if link, ok := t.spans.before(key.updateOf); ok {
			options.start = append(slices.Clip(options.start), trace.WithLinks(link))
		}
	}
	started, span := t.tracer.Start(ctx, options.name, options.start...)
	if !span.IsRecording() {
		return started, nil
	}
	open = &openAttempt{attemptOf: key, span: span}
	if dispatched { // else nobody calls Observe
		t.spans.opened(open)
	}
	return started, open
}

// String returns the id of the update as that of a message: with the bot, if it is known.
func (u updateOf) String() string {
	id := strconv.FormatInt(u.id, 10)
	if u.bot == 0 {
		return id
	}
	return strconv.FormatInt(u.bot, 10) + ":" + id
}

// endAttempt ends the span of the attempt that d is about.
func (t *Telemetry) endAttempt(d *tghook.Delivery, failure string) {
	if !t.spans.any() {
		return
	}
	key := attemptOf{updateOf{d.Bot, d.Update.ID}, d.Attempt}
	open := t.spans.take(key, d.Outcome == tghook.OutcomeFailed)
	if open == nil {
		return
	}
	t.spans.end(open, ending{d.Outcome, d.Late, failure})
}

// ending is what Observe knows of an attempt.
type ending struct {
	outcome tghook.Outcome
	late    bool
	failure string // see errorType
}

// endedAttempt is an attempt whose span can end.
type endedAttempt struct {
	ending
	attempt attemptOf
	span    trace.Span
	at      time.Time
}

// end ends the span. It calls the code of span processors.
func (e *endedAttempt) end() {
	attributes := make([]attribute.KeyValue, 0, 5)
	attributes = append(attributes, semconv.MessagingMessageID(e.attempt.String()))
	if e.attempt.number > 0 {
		attributes = append(attributes, attemptKey.Int(e.attempt.number))
	}
	if e.outcome != "" {
		attributes = append(attributes, outcomeKey.String(string(e.outcome)))
	}
	if e.late { // most are not, and up to 8 attributes cost an SDK little
		attributes = append(attributes, lateKey.Bool(true))
	}
	if e.failure != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(e.failure))
		e.span.SetStatus(codes.Error, e.failure) // and not the error's text, which may have anything in it
	}
	e.span.SetAttributes(attributes...)
	e.span.End(trace.WithTimestamp(e.at))
}

// spanOptions are the name and the attributes of the spans of one kind.
type spanOptions struct {
	name  string
	start []trace.SpanStartOption
}

// spanLabels are what the options of a span depend on.
type spanLabels struct {
	bot  int64
	kind string
}

// optionsOf returns the options of the spans of a kind. They are made once.
func (s *spans) optionsOf(t *Telemetry, bot int64, kind string) spanOptions {
	labels := spanLabels{bot, kind}
	if found, ok := s.options.Load(labels); ok {
		return *found.(*spanOptions)
	}
	set := t.attributes(bot, system, operation, operationType, kindKey.String(kind))
	attributes := make([]attribute.KeyValue, 0, set.Len())
	attributes = append(attributes, set.ToSlice()...)
	made := &spanOptions{"process " + kind, []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...),
	}}
	s.options.Store(labels, made)
	return *made
}
