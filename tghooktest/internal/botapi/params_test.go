package botapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

func TestNumbersAndBooleansAreLenient(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		value string
		n     int64
		b     bool
	}{
		{"", 0, false},
		{"7", 7, false},
		{"-7", -7, false},
		{"0012", 12, false},
		{"12abc", 12, false},
		{"1.9", 1, false},
		{"1e3", 1, false},
		{" 1", 0, false},
		{"+1", 0, false},
		{"--1", 0, false},
		{"-", 0, false},
		{"null", 0, false},
		{"-1001234567890", -1001234567890, false},
		{"9223372036854775807", 1<<63 - 1, false},
		{"-9223372036854775808", -1 << 63, false},
		{"9223372036854775808", -1 << 63, false},
		{"18446744073709551617", 1, false},
		{"1", 1, true},
		{"true", 0, true},
		{"TRUE", 0, true},
		{"Yes", 0, true},
		{"false", 0, false},
		{"0", 0, false},
		{"on", 0, false},
		{" true", 0, false},
		{"true ", 0, false},
	} {
		p := botapi.Params{Values: values{"v": x.value}}
		if n, b := p.Int("v"), p.Bool("v"); n != x.n || b != x.b {
			t.Errorf("%q is %d and %t, want %d and %t", x.value, n, b, x.n, x.b)
		}
	}
}

func TestAnEmptyParameterIsThere(t *testing.T) {
	t.Parallel()
	p := botapi.Params{Values: values{"url": ""}}
	assert.True(t, p.Has("url"))
	assert.False(t, p.Has("text"))
	assert.Empty(t, p.String("url"))
	assert.Empty(t, p.String("text"))
}
