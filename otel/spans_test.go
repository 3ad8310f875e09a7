package oteltghook_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	oteltghook "github.com/tghook/tghook/otel"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traced is a bot whose handler runs in spans.
func traced(t *testing.T, s *scope, cfg tghook.Config, h tghook.HandlerFunc) *rig.Bot {
	t.Helper()
	cfg.Dispatch.Observe = s.Observe
	return rig.NewBot(t, cfg, s.Middleware(h).HandleUpdate)
}

func TestASpanSaysWhatTheConventionsAskFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope := newScope(t, oteltghook.WithAttributes(attribute.String("env", "test")))
		bot := traced(t, scope, rig.LibraryConfig(), rig.Nothing)
		bot.Post(rig.CallbackIn(chat, chat2, 1))
		synctest.Wait()
		require.Len(t, scope.spans.GetSpans(), 1)
		span := scope.spans.GetSpans()[0]
		assert.Equal(t, "process callback_query", span.Name)
		assert.Equal(t, trace.SpanKindConsumer, span.SpanKind)
		assert.Equal(t, "github.com/tghook/tghook/otel", span.InstrumentationScope.Name)
		assert.Equal(t, "https://opentelemetry.io/schemas/1.41.0", span.InstrumentationScope.SchemaURL)
		assert.ElementsMatch(t, []attribute.KeyValue{
			attribute.String("messaging.system", "telegram"),
			attribute.String("messaging.operation.name", "process"),
			attribute.String("messaging.operation.type", "process"),
			attribute.String("messaging.message.id", "7244100913:1"),
			attribute.Int64("tghook.bot", rig.APIBot),
			attribute.String("tghook.kind", "callback_query"),
			attribute.Int("tghook.attempt", 1),
			attribute.String("tghook.outcome", "handled"),
			attribute.String("env", "test"),
		}, span.Attributes)
		assert.Contains(t, scope.metrics(), "deliveries callback_query handled test: 1", "the user's attributes")
	})
}

func TestTheSpansOfAHandlerAreChildrenAndTheRequestsSpanIsTheParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope := newScope(t)
		tracer := scope.tracer.Tracer("the user's")
		bot := traced(t, scope, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			_, child := tracer.Start(ctx, "child")
			child.End()
			return tghook.NoReply, nil
		})
		ctx, request := tracer.Start(t.Context(), "request")
		bot.PostWith(ctx, rig.MessageIn(chat, 1))
		request.End()
		synctest.Wait()
		spans := map[string]trace.SpanContext{}
		parents := map[string]trace.SpanContext{}
		for _, span := range scope.spans.GetSpans() {
			spans[span.Name], parents[span.Name] = span.SpanContext, span.Parent
		}
		assert.Equal(t, spans["process message"].SpanID(), parents["child"].SpanID())
		assert.Equal(t, spans["request"].SpanID(), parents["process message"].SpanID())
		assert.False(t, parents["request"].IsValid())
	})
}

// Telegram sends no traceparent. One that comes is of somebody else.
func TestAnAttemptTrustsNoTraceFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope := newScope(t)
		bot := traced(t, scope, tghook.Config{}, rig.Nothing)
		body := fmt.Sprintf(`{"update_id":1,"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","message":{"chat":{"id":%d}}}`, chat)
		bot.Post(body)
		synctest.Wait()
		assert.False(t, scope.spans.GetSpans()[0].Parent.IsValid())
	})
}

func TestAPanicGoesOnUnchanged(t *testing.T) {
	for name, quit := range map[string]func(){
		"a panic":        func() { panic(rig.ErrBroken) },
		"runtime.Goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scope := newScope(t)
				errs := map[string]error{}
				for with, wrap := range map[string]tghook.Middleware{
					"with":    scope.Middleware,
					"without": func(h tghook.Handler) tghook.Handler { return h },
				} {
					bot := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Observe: scope.Observe}},
						wrap(tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
							quit()
							return tghook.NoReply, nil
						})).HandleUpdate)
					assert.Equal(t, "500", bot.Post(rig.MessageIn(chat, 1)))
					errs[with] = bot.Last().Err
				}
				synctest.Wait()
				assert.Equal(t, errs["without"].Error(), errs["with"].Error())
				assert.Equal(t, errors.Is(errs["without"], rig.ErrBroken), errors.Is(errs["with"], rig.ErrBroken))
				assert.Len(t, scope.ended(), 1, "the span has ended")
			})
		})
	}
}

func TestMiddlewareKeepsWhatTheHandlerWants(t *testing.T) {
	kinds := tghook.Kinds{tghook.KindPoll: tghook.HandlerFunc(rig.Nothing)}
	wanted, ok := oteltghook.New().Middleware(kinds).(interface{ AllowedUpdates() []string })
	require.True(t, ok)
	assert.Equal(t, []string{"poll"}, wanted.AllowedUpdates())
}

// A handler that a test calls itself has no attempt, and nobody calls Observe.
func TestASpanWithoutADispatcherEndsWithItsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope := newScope(t)
		_, err := scope.Middleware(rig.Taking(time.Second, tghook.NoReply, nil)).HandleUpdate(t.Context(), rig.Parsed(t, rig.MessageIn(chat, 1)))
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, []string{"process message 1 1s"}, scope.ended())
	})
}

// Two bots have updates with the same ids.
func TestTheBotsAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope := newScope(t)
		for bot := range int64(2) {
			cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Bot: bot + 1}}
			r := traced(t, scope, cfg, rig.Taking(time.Duration(bot+1)*time.Second, tghook.NoReply, rig.ErrBroken))
			r.Send(rig.MessageIn(chat, 1))
		}
		rig.Pass(time.Minute)
		assert.ElementsMatch(t, []string{
			"process message 1:1 attempt=1 outcome=failed error.type=_OTHER 1s Error=_OTHER",
			"process message 2:1 attempt=1 outcome=failed error.type=_OTHER 2s Error=_OTHER",
		}, scope.ended())
	})
}

// Without Observe nobody says how an attempt ended. What waits for that is bounded.
func TestSpansOfWhichNobodyTellsTheOutcomeAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const kept, updates = 4096, 5000
		scope := newScope(t)
		bot := rig.NewBot(t, tghook.Config{}, scope.Middleware(tghook.HandlerFunc(rig.Nothing)).HandleUpdate)
		for id := range int64(updates) {
			bot.Post(rig.MessageIn(id, id))
		}
		synctest.Wait()
		assert.Len(t, scope.spans.GetSpans(), updates-kept)
		for id := range int64(updates) { // more than the number of failed ones that are remembered
			scope.Observe(t.Context(), tghook.Delivery{Update: &tghook.Update{ID: id}, Outcome: tghook.OutcomeFailed, Attempt: 1})
			if id%1000 == 0 {
				synctest.Wait() // no bot observes thousands of updates without a pause
			}
		}
		synctest.Wait()
		assert.Len(t, scope.spans.GetSpans(), updates)
	})
}

// A processor does what its functions do. Each may be nil.
type processor struct {
	started func()
	ended   func()
}

func (p processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {
	if p.started != nil {
		p.started()
	}
}

func (p processor) OnEnd(sdktrace.ReadOnlySpan) {
	if p.ended != nil {
		p.ended()
	}
}
func (processor) Shutdown(context.Context) error   { return nil }
func (processor) ForceFlush(context.Context) error { return nil }

// A processor of the user's is broken. The bot is not.
func TestABrokenProcessorLosesNoUpdate(t *testing.T) {
	const updates = 3000 // more than wait for their end
	for name, test := range map[string]struct {
		broken   processor
		reported string
	}{
		"it panics at the start of a span":    {processor{started: func() { panic("no start") }}, "oteltghook: an attempt has no span, because its start panicked: no start"},
		"it panics at the end of a span":      {processor{ended: func() { panic("no end") }}, "oteltghook: a span processor panicked: no end"},
		"it ends the goroutine with the span": {processor{ended: runtime.Goexit}, ""},
		"it does not return":                  {processor{ended: func() { time.Sleep(time.Hour) }}, "oteltghook: spans are lost, because a span processor has not returned"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported atomic.Value
				reported.Store("")
				otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
					reported.Store(err.Error())
					panic("the user's error handler is broken too")
				}))
				scope := newScope(t)
				scope.tracer.RegisterSpanProcessor(test.broken)
				bot := traced(t, scope, tghook.Config{Dispatch: tghook.DispatchConfig{Watch: scope.Watch}}, rig.Nothing)
				begun := time.Now()
				for id := range int64(updates) {
					require.Equal(t, "200", bot.Post(rig.MessageIn(id, id)))
				}
				synctest.Wait()
				assert.Zero(t, time.Since(begun), "nothing was held up")
				bot.Did(rig.Counts{Runs: updates})
				assert.Contains(t, scope.metrics(), fmt.Sprintf("deliveries message handled: %d", updates))
				assert.Equal(t, test.reported, reported.Load())
				require.NoError(t, bot.Shutdown(t.Context()))
				assert.LessOrEqual(t, time.Since(begun), time.Second, "Shutdown waits a second for the spans")
				time.Sleep(4000 * time.Hour)
			})
		})
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
}

// Many updates of many lanes begin, fail and end at once.
func TestSpansEndOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const updates = 500
		scope := newScope(t)
		bot := traced(t, scope, tghook.Config{}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Duration(u.ID%7) * time.Second)
			if a, _ := tghook.AttemptFromContext(ctx); a.Number == 1 {
				return tghook.NoReply, rig.ErrBroken
			}
			return tghook.NoReply, nil
		})
		for range 2 {
			for id := range int64(updates) {
				bot.Send(rig.MessageIn(id+1, id+1))
			}
			rig.Pass(time.Minute)
		}
		ids, linked := map[trace.SpanID]bool{}, 0
		for _, span := range scope.spans.GetSpans() {
			ids[span.SpanContext.SpanID()] = true
			linked += len(span.Links)
		}
		assert.Len(t, scope.spans.GetSpans(), 2*updates)
		assert.Len(t, ids, 2*updates)
		assert.Equal(t, updates, linked, "second attempts")
	})
}
