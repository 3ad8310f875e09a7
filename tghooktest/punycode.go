package tghooktest

import "unicode/utf8"

// The parameters of Punycode. Source: RFC 3492, section 5.
const (
	punyBase        = 36
	punyTMin        = 1
	punyTMax        = 26
	punySkew        = 38
	punyDamp        = 700
	punyInitialBias = 72
	punyInitialN    = 0x80
)

// punycode encodes a label of a host name. Like Telegram, it lower-cases letters of ASCII
// only, and does not prepare the label as IDNA does. Source: RFC 3492, section 6.3.
func punycode(label string) string {
	runes := []rune(label)
	encoded := make([]byte, 0, 2*len(label))
	for _, c := range []byte(lowerASCII(label)) {
		if c < utf8.RuneSelf {
			encoded = append(encoded, c)
		}
	}
	basic := len(encoded)
	if basic > 0 {
		encoded = append(encoded, '-')
	}
	n, delta, bias := rune(punyInitialN), 0, punyInitialBias
	for done := basic; done < len(runes); {
		next := rune(utf8.MaxRune)
		for _, r := range runes {
			if r >= n {
				next = min(next, r)
			}
		}
		delta += int(next-n) * (done + 1)
		for _, r := range runes {
			if r < next {
				delta++
			}
			if r == next {
				encoded = appendPuny(encoded, delta, bias)
				bias = adapt(delta, done+1, done == basic)
				delta = 0
				done++
			}
		}
		delta++
		n = next + 1
	}
	return string(encoded)
}

// appendPuny appends delta as a number of variable length.
func appendPuny(encoded []byte, delta, bias int) []byte {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	for k := punyBase; ; k += punyBase {
		t := min(max(k-bias, punyTMin), punyTMax)
		if delta < t {
			return append(encoded, digits[delta])
		}
		encoded = append(encoded, digits[t+(delta-t)%(punyBase-t)])
		delta = (delta - t) / (punyBase - t)
	}
}

// adapt returns the bias after a delta. Source: RFC 3492, section 6.1.
func adapt(delta, points int, first bool) int {
	if first {
		delta /= punyDamp
	} else {
		delta /= 2
	}
	delta += delta / points
	k := 0
	for ; delta > (punyBase-punyTMin)*punyTMax/2; k += punyBase {
		delta /= punyBase - punyTMin
	}
	return k + (punyBase-punyTMin+1)*delta/(delta+punySkew)
}
