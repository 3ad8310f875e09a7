package redact_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// wrapped is value in all the places from which a program prints it.
func wrapped(value any) map[string]any {
	v := reflect.ValueOf(value)
	pointer := reflect.New(v.Type())
	pointer.Elem().Set(v)
	field := func(v reflect.Value) any {
		s := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "Name", Type: reflect.TypeFor[string]()}, {Name: "Field", Type: v.Type()}}))
		s.Elem().Field(1).Set(v)
		return s.Elem().Interface()
	}
	slice := func(v reflect.Value) any {
		return reflect.Append(reflect.MakeSlice(reflect.SliceOf(v.Type()), 0, 1), v).Interface()
	}
	keyed := func(v reflect.Value) any {
		m := reflect.MakeMap(reflect.MapOf(reflect.TypeFor[string](), v.Type()))
		m.SetMapIndex(reflect.ValueOf("key"), v)
		return m.Interface()
	}
	return map[string]any{
		"value": value, "pointer": pointer.Interface(), "any": []any{value},
		"field": field(v), "field of a pointer": field(pointer), "field of a field": field(reflect.ValueOf(field(v))),
		"slice": slice(v), "slice of pointers": slice(pointer), "map": keyed(v), "map of pointers": keyed(pointer),
	}
}

// printed is v by every means that a program prints with.
func printed(t *testing.T, v any) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%30.5v", "%t", "%o", "%!"} {
		all[verb] = fmt.Sprintf(verb, v)
	}
	all["Sprint"] = fmt.Sprint(v)
	format := strings.Clone("text") // go vet would see the mistake in a constant
	all["an extra argument"] = fmt.Sprintf(format, v)
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).With("with", v).Info("message", "v", v)
	slog.New(slog.NewJSONHandler(&lines, nil)).With("with", v).Info("message", "v", v)
	all["slog text"], all["slog JSON"] = text.String(), lines.String()
	encoded, err := json.Marshal(v)
	require.NoError(t, err, "json.Marshal")
	all["JSON"] = string(encoded)
	return all
}

// passwordCaller is a Caller that keeps a password where fmt and JSON would find it.
type passwordCaller struct{ Password string }

func (passwordCaller) Call(context.Context, string, any, any) error { return nil }

func TestNoConfigOrRequestThatIsPrintedTellsASecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-secret_9876"
	dispatch := tghook.DispatchConfig{
		Bot: 42, MaxInFlight: 77, Caller: passwordCaller{canary}, HandlerTimeout: 90 * time.Second,
		Lane: func(*tghook.Update) string { return "" },
	}
	config := tghook.Config{
		Dispatch: dispatch, Secret: canary, PreviousSecret: "old-" + canary,
		AllowedSources: tghook.TelegramSources(), LateAfter: 7 * time.Second,
	}
	hook, err := tghook.New(tghook.HandlerFunc(rig.Nothing), config)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		value any
		shows []string
	}{
		"Config": {config, []string{"149.154.160.0/20", "7s", "77", "1m30s", "[hidden]"}},
		"Request": {tghook.Request{
			Method: "POST", Path: "/bot" + rig.APIToken, Secret: []string{canary, "x" + canary}, RemoteAddr: "192.0.2.7:1", Body: strings.NewReader(canary),
		}, []string{"POST", "/bot<token>", "192.0.2.7:1", "[hidden]"}},
		"PollConfig": {tghook.PollConfig{
			Dispatch: dispatch, PutBackSecret: canary, PutBackCertificate: []byte(canary), Wait: 20 * time.Second, AllowedUpdates: []string{"message"},
		}, []string{"20s", "message", "[hidden]", "18 bytes"}},
		"RunConfig": {tghook.RunConfig{
			Token: rig.APIToken, URL: "https://bot.example.org/" + rig.APIToken + "/" + canary, Listen: ":8080", Certificate: []byte(canary), Webhook: config,
			Poll: tghook.PollConfig{PutBackSecret: canary},
		}, []string{"https://bot.example.org/[hidden]/[hidden]", ":8080", "149.154.160.0/20", "[hidden]"}},
		"Webhook": {hook, []string{"149.154.160.0/20", "7s", "[hidden]"}},
	} {
		for place, v := range wrapped(c.value) {
			for means, text := range printed(t, v) {
				for _, secret := range []string{canary, rig.APIToken, rig.APIToken[11:]} {
					for _, form := range []string{
						secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
						base64.StdEncoding.EncodeToString([]byte(secret))[:12], strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"),
					} {
						assert.NotContainsf(t, text, form, "%s, %s, %s tells a secret", name, place, means)
					}
				}
				complete := means == "%+v" || means == "%#v" || means == "JSON" || strings.HasPrefix(means, "slog")
				if !complete || place != "value" {
					continue
				}
				for _, want := range c.shows {
					if !strings.Contains(text, want) && !strings.Contains(text, escaped.Replace(want)) {
						t.Errorf("%s, %s does not show %s: %s", name, means, want, text)
					}
				}
			}
		}
	}
}

// escaped is as encoding/json writes it.
var escaped = strings.NewReplacer("<", `\u003c`, ">", `\u003e`)

// A field that is added one day is hidden, or the test above would not know of it.
func TestEveryFieldNamedForASecretIsHidden(t *testing.T) {
	t.Parallel()
	const canary = "canary-secret_9876"
	for _, v := range []any{new(tghook.Config), new(tghook.Request), new(tghook.PollConfig), new(tghook.RunConfig)} {
		found := fill(reflect.ValueOf(v).Elem(), canary)
		assert.NotEqualf(t, 0, found, "%T has no field for a secret", v)
		if text := fmt.Sprintf("%+v", v); strings.Contains(text, canary) || strings.Count(text, "[hidden]") < found {
			t.Errorf("%T: %d fields are not hidden: %s", v, found, text)
		}
	}
}

// fill puts text into every field of v whose name says that it is secret.
func fill(v reflect.Value, text string) (found int) {
	for i := range v.NumField() {
		field, name := v.Field(i), strings.ToLower(v.Type().Field(i).Name)
		switch {
		case field.Kind() == reflect.Struct && strings.HasSuffix(field.Type().PkgPath(), "/tghook"):
			found += fill(field, text)
		case !strings.Contains(name, "secret") && !strings.Contains(name, "token"):
		case field.Kind() == reflect.String:
			field.SetString(text)
			found++
		case field.Type() == reflect.TypeFor[[]string]():
			field.Set(reflect.ValueOf([]string{text}))
			found++
		}
	}
	return found
}

// Nobody can give methods to a field that is not exported: a Webhook has no secret there.
func TestAWebhookInAnUnexportedFieldTellsNoSecret(t *testing.T) {
	t.Parallel()
	w, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: rig.HookSecret})
	require.NoError(t, err)
	for _, v := range []any{
		struct{ hook *tghook.Webhook }{w},
		struct{ hook tghook.Webhook }{*w},
		*w,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%p", "%w"} {
			text := fmt.Sprintf(verb, v)
			for _, form := range []string{rig.HookSecret, hex.EncodeToString([]byte(rig.HookSecret)), strings.Trim(fmt.Sprintf("%d", []byte(rig.HookSecret)), "[]")} {
				assert.NotContainsf(t, text, form, "%s of a %T tells the secret", verb, v)
			}
		}
	}
	assert.NotContains(t, fmt.Errorf("hook %w", errors.Join(fmt.Errorf("%v", w))).Error(), rig.HookSecret, "an error tells the secret")
}
