package demo

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
)

// A sky is what a picture shows: two colours, and where the sun stands in it, from 0 to 1.
type sky struct {
	top, bottom color.RGBA
	x, y        float64
}

var (
	morning = sky{color.RGBA{120, 170, 230, 255}, color.RGBA{255, 214, 165, 255}, 0.22, 0.58}
	noon    = sky{color.RGBA{40, 120, 220, 255}, color.RGBA{170, 220, 255, 255}, 0.5, 0.25}
	evening = sky{color.RGBA{60, 40, 110, 255}, color.RGBA{255, 130, 80, 255}, 0.75, 0.62}
)

// picture paints a sky above hills as a JPEG.
func picture(s sky) io.Reader {
	const width, height = 640, 400
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		hill := 0.78 + 0.06*math.Sin(float64(x)/70) + 0.03*math.Sin(float64(x)/23+1)
		for y := range height {
			fx, fy := float64(x)/width, float64(y)/height
			c := mix(s.top, s.bottom, fy)
			switch d := math.Hypot((fx-s.x)*width/height, fy-s.y); {
			case fy > hill:
				c = mix(c, color.RGBA{20, 40, 40, 255}, 0.75)
			case d < 0.1:
				c = color.RGBA{255, 245, 210, 255}
			case d < 0.3:
				c = mix(color.RGBA{255, 235, 190, 255}, c, (d-0.1)/0.2)
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil) // a buffer takes all that is written
	return bytes.NewReader(b.Bytes())
}

// mix returns a colour between two.
func mix(a, b color.RGBA, part float64) color.RGBA {
	between := func(a, b uint8) uint8 { return uint8(float64(a) + (float64(b)-float64(a))*part) }
	return color.RGBA{between(a.R, b.R), between(a.G, b.G), between(a.B, b.B), 255}
}
