package tghooktest

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A field that is added to a webhook must be in its record too.
func TestEachFieldOfAWebhookIsKept(t *testing.T) {
	var h webhook
	for i := range reflect.TypeFor[webhook]().NumField() {
		field := reflect.ValueOf(&h).Elem().Field(i)
		field = reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
		switch to := field.Addr().Interface().(type) {
		case *int:
			*to = i + 1
		case *string:
			*to = string(rune('a' + i))
		case *bool:
			*to = true
		case *[]byte:
			*to = []byte{byte(i)}
		case *time.Time:
			*to = time.Unix(int64(i), 5).UTC()
		default:
			t.Fatalf("the test cannot fill a %v", field.Type())
		}
	}
	encoded, err := json.Marshal(h.record())
	require.NoError(t, err)
	var r hookRecord
	require.NoError(t, json.Unmarshal(encoded, &r))
	assert.Equal(t, h, r.webhook())
}

// Whoever adds a field to a bot must decide whether a state has it.
func TestEachFieldOfABotIsKeptOrNot(t *testing.T) {
	const kept, made, passing = "in a record", "made anew", "of no use after a restart"
	decided := map[string]string{
		"id": kept, "cfg": kept, "digest": kept, "world": kept, "queue": kept, "attempts": kept, "webhook": kept, "webhooks": kept, "session": kept,
		"host": made, "first": made, "giveBack": made, "running": made, "ctx": made, "end": made, "moved": made, "changing": made, "sender": made, "mu": made,
		"calls": passing, "faults": passing, "refusals": passing, "warnings": passing, "setting": passing, "nextSetting": passing, "parked": passing,
		"polled": passing, "offset": passing, "nextConflict": passing,
	}
	of := reflect.TypeFor[bot]()
	for i := range of.NumField() {
		assert.Contains(t, decided, of.Field(i).Name)
	}
	assert.Equal(t, 3, reflect.TypeFor[session]().NumField(), "launched is made anew, back and closed are in the record")
}

func TestTheClockOfAStateNeverGoesBack(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		saved, started time.Duration // after now, in real time
		ahead          time.Duration
		want           time.Duration
	}{
		"later":                  {0, time.Hour, 0, time.Hour},
		"ahead":                  {0, time.Hour, 24 * time.Hour, 25 * time.Hour},
		"behind":                 {0, time.Hour, -2 * time.Hour, time.Hour},
		"the real one goes back": {0, -time.Hour, 0, 0},
		"both":                   {0, -time.Hour, time.Minute, time.Minute},
	} {
		r := clockRecord{Server: now.Add(c.saved + c.ahead), Real: now.Add(c.saved)}
		assert.Equal(t, now.Add(c.want), r.after(now.Add(c.started)), name)
	}
}
