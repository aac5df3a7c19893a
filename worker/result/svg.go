package result

import (
	"bufio"
	"fmt"
	"html"
	"image/color"
	"io"
	"strconv"
)

// writeSVG draws the scene as a self-contained SVG 1.1 document; wells have
// tooltips.
func (s *scene) writeSVG(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" font-family="'Go', 'Helvetica Neue', Helvetica, Arial, sans-serif" role="img">`+"\n",
		number(s.width), number(s.height), number(s.width), number(s.height))
	fmt.Fprintf(w, "<title>%s</title>\n", escapeXML(s.title))
	for _, shape := range s.shapes {
		switch v := shape.(type) {
		case rectangle:
			v.writeSVG(w)
		case line:
			fmt.Fprintf(w, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%s" pointer-events="none"/>`+"\n",
				number(v.x1), number(v.y1), number(v.x2), number(v.y2), hex6(v.colour), number(v.width))
		case label:
			weight := ""
			if v.bold {
				weight = ` font-weight="bold"`
			}
			fmt.Fprintf(w, `<text x="%s" y="%s" font-size="%s" text-anchor="%s" fill="%s"%s pointer-events="none">%s</text>`+"\n",
				number(v.x), number(v.y), number(v.size), [...]string{"start", "middle", "end"}[v.anchor], hex6(v.colour), weight, escapeXML(v.text))
		}
	}
	w.WriteString("</svg>\n")
	return w.Flush()
}

func (r rectangle) writeSVG(w *bufio.Writer) {
	x, y, width, height, stroke := r.x, r.y, r.w, r.h, ""
	if r.stroke.A > 0 { // SVG strokes the middle of the edge; ours lies inside
		x, y, width, height = x+0.5, y+0.5, width-1, height-1
		stroke = fmt.Sprintf(` stroke="%s"`, hex6(r.stroke))
	}
	fill := "none"
	if r.fill.A > 0 {
		fill = hex6(r.fill)
	}
	fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"%s`, number(x), number(y), number(width), number(height), fill, stroke)
	if r.tooltip == "" {
		w.WriteString("/>\n")
		return
	}
	fmt.Fprintf(w, "><title>%s</title></rect>\n", escapeXML(r.tooltip))
}

// number writes a coordinate to the hundredth of a pixel.
func number(f float64) string {
	return strconv.FormatFloat(float64(int64(f*100+0.5))/100, 'f', -1, 64)
}

func hex6(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// escapeXML also drops what XML 1.0 cannot hold.
func escapeXML(s string) string { return html.EscapeString(cleanText(s)) }
