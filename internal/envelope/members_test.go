package envelope

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// walked returns what Members found, each as key=value.
func walked(data []byte) ([]string, error) {
	var got []string
	err := Members(data, func(key, value []byte) error {
		got = append(got, fmt.Sprintf("%s=%s", key, value))
		return nil
	})
	return got, err
}

func TestMembers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, object string
		want         []string
	}{
		{"an empty object has none", ` { } `, nil},
		{"values stay as they stand", `{"a" : [ 1, {"b":2} ] , "c":"\u0064" }`, []string{`a=[ 1, {"b":2} ]`, `c="\u0064"`}},
		{"keys are decoded", `{"m\u0065thod":1,"\ud83d\udc4b":2,"\"\\\/\b\f\n\r\t":3}`, []string{"method=1", "👋=2", "\"\\/\b\f\n\r\t=3"}},
		{"what is no text becomes U+FFFD", "{\"\xff\xfe\":1,\"\\ud800x\":2,\"\\udc4b\\ud83d\":3}", []string{"\ufffd\ufffd=1", "\ufffdx=2", "\ufffd\ufffd=3"}},
		{"duplicates are walked", `{"a":1,"a":2}`, []string{"a=1", "a=2"}},
		{"a key may be empty", `{"":0}`, []string{"=0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, err := walked([]byte(tt.object)); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestMembersOfWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for object, want := range map[string]string{
		``:              "offset 0: expected an object, got the end",
		`[]`:            "offset 0: expected an object, got '['",
		`{"a":1}}`:      "offset 7: expected nothing more, got '}'",
		`{"a":1,"b":}`:  "offset 11: expected a value, got '}'",
		`{"a":1,"\x":}`: "offset 9: expected an escape, got 'x'",
	} {
		_, err := walked([]byte(object))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", object, err, want)
		}
	}
}

func TestMembersEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	calls := 0
	err := Members([]byte(`{"a":1,"b":2,"c":`), func([]byte, []byte) error {
		if calls++; calls == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 2 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestMembersDoesNotAllocate(t *testing.T) {
	params := []byte(`{"chat_id":7244100913,"text":"\u043f","reply_markup":{"inline_keyboard":[[]]},"é":1}`)
	var n int
	allocs := testing.AllocsPerRun(100, func() {
		require.NoError(t, Members(params, func(key, value []byte) error { n += len(key) + len(value); return nil }))
	})
	assert.Zero(t, allocs, "allocations")
}

func TestElements(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", maxOuterDepth/2) + strings.Repeat("]", maxOuterDepth/2)
	for array, want := range map[string]string{
		` [ ] `:                    ``,
		`[1]`:                      `1`,
		` [ {"a":[1,2]} , "," ] `:  `{"a":[1,2]} ","`,
		`[[],null]`:                `[] null`,
		`[` + deep + `]`:           deep,
		``:                         `offset 0: expected an array, got the end`,
		`{}`:                       `offset 0: expected an array, got '{'`,
		`[1,]`:                     `1 offset 3: expected a value, got ']'`,
		`[1 2]`:                    `1 offset 3: expected ',' or ']' after an element, got '2'`,
		`[1`:                       `1 offset 2: expected ',' or ']' after an element, got the end`,
		`[]]`:                      `offset 2: expected nothing more, got ']'`,
		`[[1,{"a":}]]`:             `offset 9: expected a value, got '}'`,
		strings.Repeat("[", 1<<20): `offset 10000: nested too deep`,
	} {
		var got []string
		err := Elements([]byte(array), func(value []byte) { got = append(got, string(value)) })
		if err != nil {
			got = append(got, err.Error())
		}
		assert.Equalf(t, want, strings.Join(got, " "), "%.40s", array)
	}
}
