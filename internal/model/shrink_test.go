package model_test

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
)

// failure plays s until an invariant does not hold: any, or that of the name.
func (s modelSchedule) failure(t *testing.T, invariant string, goes int) *modelFailure {
	for range goes {
		if failure := s.play(t).check(invariant); failure != nil {
			return failure
		}
	}
	return nil
}

// report shrinks s, of which failure was found, and writes what is left.
func (s modelSchedule) report(t *testing.T, failure *modelFailure) string {
	goes := 3 // so that a race of one instant is not taken for success
	for ; s.failure(t, failure.invariant, goes) == nil; goes *= 2 {
		if goes > 500 {
			return fmt.Sprintf("%s\ndoes not come again:\n%s", failure, s)
		}
	}
	small := s.shrink(6000/goes, func(s modelSchedule) bool { return s.failure(t, failure.invariant, goes) != nil })
	if last := small.failure(t, failure.invariant, 2*goes); last != nil {
		failure = last
	}
	return fmt.Sprintf("%s\n%s", failure, small)
}

// shrink makes s as small as it can, in so many tries, while it still fails.
func (s modelSchedule) shrink(tries int, fails func(modelSchedule) bool) modelSchedule {
	start := time.Now()
	try := func(other modelSchedule) bool {
		tries--
		if tries < 0 || time.Since(start) > time.Minute || !fails(other) {
			return false
		}
		s = other
		return true
	}
	for before := ""; before != s.String(); {
		before = s.String()
		for chunk := len(s.ops); chunk > 0; chunk /= 2 { // delta debugging
			for i := 0; i < len(s.ops); {
				less := s.clone()
				less.ops = slices.Delete(less.ops, i, min(i+chunk, len(s.ops)))
				if !try(less) {
					i += chunk
				}
			}
		}
		for i := 0; i < len(modelFields(&s)); i++ { //nolint:intrange // a step that goes takes its fields with it
			for n := range 4 { // simpler values, the simplest first
				simple := s.clone()
				if modelSimplify(modelFields(&simple)[i], n) && try(simple) {
					break
				}
			}
		}
	}
	return s
}

func (s modelSchedule) clone() modelSchedule {
	s.ops = slices.Clone(s.ops)
	for i := range s.ops {
		s.ops[i].steps = slices.Clone(s.ops[i].steps)
	}
	return s
}

// modelFields are pointers to all that can be simplified.
func modelFields(s *modelSchedule) (all []any) {
	u := &s.setup
	all = []any{
		&u.replicas, &u.sticky, &u.store, &u.ephemeral, &u.lateAfter, &u.life, &u.handlerTimeout, &u.maxAttempts,
		&u.maxLane, &u.maxInFlight, &u.caller, &u.callFails, &u.endTakes, &u.unordered, &u.late,
	}
	for i := range s.ops {
		o := &s.ops[i]
		all = append(all, &o.steps, &o.buries, &o.down, &o.n, &o.at, &o.wait)
		if o.what == modelArrive {
			all = append(all, &o.kind, &o.chat)
		}
		for j := range o.steps {
			all = append(all, &o.steps[j].does, &o.steps[j].obeys, &o.steps[j].takes)
		}
	}
	return all
}

// modelSimplify gives a field its n-th simpler value, if there is one.
func modelSimplify(field any, n int) bool {
	set := func(changed bool, change func()) bool {
		if changed {
			change()
		}
		return changed
	}
	switch p := field.(type) {
	case *bool:
		return set(n == 0 && *p, func() { *p = false })
	case *int:
		return set(n < *p && n < 2, func() { *p = n })
	case *int64:
		return set(n == 0 && *p > 1, func() { *p = 1 })
	case *tghook.LatePolicy:
		return set(n == 0 && *p != 0, func() { *p = 0 })
	case *tghook.Kind:
		return set(n == 0 && *p != tghook.KindMessage, func() { *p = tghook.KindMessage })
	case *modelDeed:
		simple := [...]modelDeed{modelOK, modelReply, modelFail}
		at := slices.Index(simple[:], *p)
		return set(n < len(simple) && (at < 0 || n < at), func() { *p = simple[n] })
	case *[]modelStep:
		return set(n < len(*p), func() { *p = slices.Delete(*p, len(*p)-1-n, len(*p)-n) })
	case *time.Duration:
		simple := []time.Duration{0, time.Second, p.Round(10 * time.Second), p.Round(time.Second)}
		return set(simple[n] < *p || simple[n] != *p && n > 1, func() { *p = simple[n] })
	}
	panic(fmt.Sprintf("%T", field))
}

// String writes s as it stands in modelRegressions.
func (s modelSchedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "modelSchedule{\n\tsetup: %s,\n\tops: []modelOp{\n", modelLiteral(reflect.ValueOf(s.setup)))
	for _, o := range s.ops {
		fmt.Fprintf(&b, "\t\t%s,\n", strings.TrimPrefix(modelLiteral(reflect.ValueOf(o)), "modelOp"))
	}
	return b.String() + "\t},\n}"
}

// modelLiteral is v in Go, without what is zero.
func modelLiteral(v reflect.Value) string {
	switch v.Type() {
	case reflect.TypeFor[time.Duration]():
		return modelDuration(time.Duration(v.Int()))
	case reflect.TypeFor[tghook.LatePolicy]():
		return []string{"tghook.LateDefault", "tghook.LateRetry", "tghook.LateCancel", "tghook.LateAck"}[v.Int()]
	case reflect.TypeFor[modelWhat](), reflect.TypeFor[modelDeed]():
		text := v.String()
		return "model" + strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]
	}
	switch v.Kind() {
	case reflect.Struct:
		var fields []string
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() && (f.Kind() != reflect.Slice || f.Len() > 0) {
				fields = append(fields, v.Type().Field(i).Name+": "+modelLiteral(v.Field(i)))
			}
		}
		return v.Type().Name() + "{" + strings.Join(fields, ", ") + "}"
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, strings.TrimPrefix(modelLiteral(v.Index(i)), "modelStep"))
		}
		return "[]modelStep{" + strings.Join(items, ", ") + "}"
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	default:
		return fmt.Sprint(v)
	}
}

// modelDuration is d in Go, such as 8*time.Second+1.
func modelDuration(d time.Duration) string {
	near := d.Round(time.Second)
	rest := d - near
	switch {
	case d == 0:
		return "0"
	case near == 0 && rest%time.Millisecond == 0:
		return fmt.Sprintf("%d*time.Millisecond", rest/time.Millisecond)
	case near == 0:
		return strconv.FormatInt(int64(d), 10)
	}
	text := fmt.Sprintf("%d*time.Second", near/time.Second)
	switch {
	case rest == 0:
		return text
	case rest%time.Millisecond == 0:
		return fmt.Sprintf("%s%+d*time.Millisecond", text, rest/time.Millisecond)
	default:
		return fmt.Sprintf("%s%+d", text, rest)
	}
}

// A failure that needs two of many operations is shrunk to those two, and these
// to what matters of them.
func TestModelShrinker(t *testing.T) {
	s := modelOfSeed(3)
	s.ops = append(s.ops,
		modelOp{what: modelArrive, id: 71, at: 5 * time.Second, kind: tghook.KindPoll, chat: 3, steps: []modelStep{
			{does: modelDrop, takes: time.Second, obeys: true}, {does: modelPanic, takes: 9*time.Second + 1, obeys: true},
		}},
		modelOp{what: modelLost, id: 71, n: 3},
	)
	slices.Reverse(s.ops)
	got := s.shrink(5000, func(s modelSchedule) bool {
		arrives, panics, loses := false, false, false
		for _, o := range s.ops {
			arrives = arrives || o.what == modelArrive && o.id == 71
			panics = panics || slices.ContainsFunc(o.steps, func(p modelStep) bool { return p.does == modelPanic && p.takes > 9*time.Second })
			loses = loses || o.what == modelLost && o.id == 71
		}
		return arrives && panics && loses
	}).String()
	const want = `modelSchedule{
	setup: modelSetup{},
	ops: []modelOp{
		{what: modelLost, id: 71},
		{what: modelArrive, id: 71, kind: "message", chat: 1, steps: []modelStep{{does: modelPanic, takes: 10*time.Second}}},
	},
}`
	assert.Equalf(t, want, got, "shrunk to\n%s\nwant\n%s", got, want)
}
