package envelope

const excerptLen = 64

// Excerpt returns at most 64 bytes of data around offset.
func Excerpt(data []byte, offset int) string {
	from := max(0, min(offset-excerptLen/2, len(data)-excerptLen))
	return string(data[from:min(len(data), from+excerptLen)])
}
