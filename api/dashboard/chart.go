package dashboard

import (
	"math"
	"strconv"
	"strings"
)

// Bar is one span of time on a chart.
type Bar struct {
	// Label names the span in the table: 14:00, or 3 March.
	Label                   string
	Succeeded, Failed, Open int64
}

// Total is all of it.
func (b Bar) Total() int64 { return b.Succeeded + b.Failed + b.Open }

// Chart is how much succeeded and failed over time, drawn as bars with a table beside them. Make it with NewChart.
type Chart struct {
	Title string
	// What names what is counted, in the table's heads: Delivered, Failed, Waiting. An empty one is left out.
	What [3]string
	Bars []Bar
	// Rects are the drawing, in a box of Width by Height.
	Rects         []Rect
	Width, Height int
	// First and Last are the labels at the ends, Peak what the highest bar stands for.
	First, Last, Peak string
}

// Rect is a piece of a bar.
type Rect struct {
	Class      string // ok, no, open, or none for a span in which nothing happened
	X, Y, W, H string
}

const (
	chartHeight = 100
	barWidth    = 10
	barGap      = 3
)

// NewChart draws bars, the earliest first. The highest fills the height; what is not nothing is never invisible.
func NewChart(title string, what [3]string, bars []Bar) Chart {
	c := Chart{Title: title, What: what, Bars: bars, Height: chartHeight, Width: max(len(bars)*(barWidth+barGap)-barGap, 1)}
	var peak int64
	for _, b := range bars {
		peak = max(peak, b.Total())
	}
	c.Peak = strconv.FormatInt(peak, 10)
	for i, b := range bars {
		x := strconv.Itoa(i * (barWidth + barGap))
		if b.Total() == 0 {
			c.Rects = append(c.Rects, Rect{"none", x, strconv.Itoa(chartHeight - 1), strconv.Itoa(barWidth), "1"})
			continue
		}
		bottom := float64(chartHeight)
		for _, p := range b.pieces(peak) {
			bottom -= p.height
			c.Rects = append(c.Rects, Rect{p.class, x, short(bottom), strconv.Itoa(barWidth), short(p.height)})
		}
	}
	if len(bars) > 0 {
		c.First, c.Last = bars[0].Label, bars[len(bars)-1].Label
	}
	return c
}

// piece is one colour of a bar.
type piece struct {
	class  string
	height float64
}

// thinnest is the least height of what is not nothing.
const thinnest = 1.5

// pieces are the colours of a bar from below, where peak fills the height. What small ones get in excess, the largest gives.
func (b Bar) pieces(peak int64) []piece {
	var ps []piece
	largest, excess := 0, 0.0
	for _, part := range []struct {
		class string
		n     int64
	}{{"ok", b.Succeeded}, {"open", b.Open}, {"no", b.Failed}} {
		if part.n == 0 {
			continue
		}
		exact := float64(part.n) * chartHeight / float64(peak)
		ps = append(ps, piece{part.class, math.Max(exact, thinnest)})
		excess += math.Max(thinnest-exact, 0)
		if ps[len(ps)-1].height > ps[largest].height {
			largest = len(ps) - 1
		}
	}
	if excess < ps[largest].height-thinnest {
		ps[largest].height -= excess
	}
	return ps
}

// Sum is the whole of the chart in words, for those who do not see it.
func (c Chart) Sum() string {
	var sums [3]int64
	for _, b := range c.Bars {
		sums[0], sums[1], sums[2] = sums[0]+b.Succeeded, sums[1]+b.Failed, sums[2]+b.Open
	}
	words := []string{}
	for i, what := range c.What {
		if what != "" {
			words = append(words, what+" "+strconv.FormatInt(sums[i], 10))
		}
	}
	return c.Title + ": " + strings.Join(words, ", ")
}

// Spark is a small line without axes. Make it with NewSpark.
type Spark struct {
	Label  string // what it shows, for those who do not see it
	Points string
}

const sparkWidth, sparkHeight = 96, 26

// NewSpark draws values, the earliest first, from zero to the largest. Fewer than two draw nothing.
func NewSpark(label string, values []int64) Spark {
	s := Spark{Label: label}
	if len(values) < 2 {
		return s
	}
	var peak int64 = 1
	for _, v := range values {
		peak = max(peak, v)
	}
	points := make([]string, len(values))
	for i, v := range values {
		x := float64(i) * sparkWidth / float64(len(values)-1)
		points[i] = short(x) + "," + short(sparkHeight-1-float64(v)*(sparkHeight-2)/float64(peak))
	}
	s.Points = strings.Join(points, " ")
	return s
}

// short writes a coordinate with at most two places.
func short(f float64) string { return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64) }
