# The commands of Vivado that a project's scripts use, under tclsh: each is checked, recorded, and leaves what the real
# one would leave a file of.  Anything else is an invalid command name, as for Vivado.
set record [open $env(MOCK_RECORD) a]
proc note {args} { puts $::record $args; flush $::record }
proc stop {text} { puts "ERROR: $text"; exit 1 }

# options NAME ARGS {option values...}: the options as a list of pairs, and what is left as the arguments
proc options {command words allowed} {
  set found {}
  set rest {}
  for {set at 0} {$at < [llength $words]} {incr at} {
    set word [lindex $words $at]
    if {[string match -* $word]} {
      if {![dict exists $allowed $word]} { stop "\[Common 17-170\] Unknown option '$word' of $command" }
      if {[dict get $allowed $word]} { incr at; dict set found $word [lindex $words $at] } else { dict set found $word 1 }
    } else { lappend rest $word }
  }
  return [list $found $rest]
}
proc put {path text} {
  if {![file isdirectory [file dirname $path]]} { stop "\[Common 17-37\] no folder for $path" }
  set out [open $path w]; puts -nonewline $out $text; close $out
}
proc sample {kind path} { exec {*}$::env(MOCK_SAMPLES) $kind $path [array get ::state] 2>@stderr }

array set state {}
array set severe {}
set sources {}
proc set_msg_config {args} {
  note set_msg_config {*}$args
  lassign [options set_msg_config $args {-id 1 -new_severity 1}] found
  set ::severe([dict get $found -id]) [dict get $found -new_severity]
}
proc read_verilog {args} {
  note read_verilog {*}$args
  lassign [options read_verilog $args {-sv 0 -library 1}] found files
  foreach file [concat {*}$files] {
    if {![file isfile $file]} { stop "\[Common 17-55\] '$file' not found" }
    lappend ::sources $file
  }
}
proc read_xdc {file} { note read_xdc $file; set ::state(xdc) [file normalize $file] }
proc get_pins {name} { return $name }
proc get_cells {args} { return cell }
proc create_clock {args} {
  lassign [options create_clock $args {-name 1 -period 1}] found pins
  if {[lindex $pins 0] ni {{ps/FCLKCLK[0]} {ps/PLCLK[0]}}} { stop "\[Vivado 12-584\] no pins matched '$pins'" }
  set ::state(period) [dict get $found -period]
}
proc set_input_jitter {clock value} { if {$value <= 0} { stop "\[Constraints 18-4644\] jitter $value" } }
proc set_false_path {args} {}
proc synth_design {args} {
  note synth_design {*}$args
  lassign [options synth_design $args {-top 1 -part 1 -include_dirs 1}] found
  set ::state(top) [dict get $found -top]
  set ::state(part) [dict get $found -part]
  set modules {}
  foreach file $::sources {
    set in [open $file]; set text [read $in]; close $in
    foreach {- module} [regexp -all -inline -line {^module\s+(\w+)} $text] { lappend modules $module }
    foreach {- include} [regexp -all -inline {`include "([^"]+)"} $text] {
      set there 0
      foreach folder [dict get $found -include_dirs] { if {[file isfile $folder/$include]} { set there 1 } }
      if {!$there} { stop "\[Synth 8-1766\] cannot open include file $include" }
    }
    foreach {- data} [regexp -all -inline {\$readmemh\("([^"]+)"} $text] {
      if {![file isfile [file join [file dirname $file] $data]] && ![file isfile $data]} {
        if {[info exists ::severe(Synth 8-4445)]} { stop "\[Synth 8-4445\] could not open \$readmem data file '$data'" }
        puts "CRITICAL WARNING: \[Synth 8-4445\] could not open \$readmem data file '$data'"
      }
    }
  }
  if {$::state(top) ni $modules} { stop "\[Synth 8-439\] module '$::state(top)' not found" }
  set ::state(modules) $modules
  source $::state(xdc)
}
proc open_checkpoint {file} {
  note open_checkpoint $file
  if {![file isfile $file]} { stop "\[Common 17-55\] '$file' not found" }
  set in [open $file]; array set ::state [read $in]; close $in
}
proc write_checkpoint {args} {
  note write_checkpoint {*}$args
  lassign [options write_checkpoint $args {-force 0}] found file
  put [lindex $file 0] [array get ::state]
}
foreach step {opt_design place_design route_design} {
  proc $step {args} "note $step {*}\$args; set ::state(step) $step"
}
proc phys_opt_design {args} {
  note phys_opt_design {*}$args
  options phys_opt_design $args {-directive 1}
  if {[llength $args]} { set ::state(again) 1 }
}
proc get_timing_paths {args} {
  lassign [options get_timing_paths $args {-max_paths 1 -nworst 1 -setup 0}] found
  return [list path]
}
proc slack_now {} {
  set slacks [split $::env(MOCK_SLACK) ,]
  return [expr {[info exists ::state(again)] ? [lindex $slacks end] : [lindex $slacks 0]}]
}
proc get_property {name object} {
  if {$name ne "SLACK"} { stop "\[Common 17-54\] no property $name" }
  return [slack_now]
}
proc current_design {} { return design }
proc set_property {name value object} {
  note set_property $name $value $object
  if {$name ne "BITSTREAM.CONFIG.USERID" || ![regexp {^0x[0-9a-f]{8}$} $value]} { stop "\[Common 17-54\] $name $value" }
  set ::state(user_id) $value
}
proc report_utilization {args} {
  note report_utilization {*}$args
  lassign [options report_utilization $args {-file 1 -hierarchical 0}] found
  sample [expr {[dict exists $found -hierarchical] ? "hierarchy" : "utilisation"}] [dict get $found -file]
}
foreach report {report_timing report_timing_summary report_route_status report_drc} {
  proc $report {args} "
    note $report {*}\$args
    lassign \[options $report \$args {-file 1 -max_paths 1 -nworst 1 -setup 0}\] found
    set ::state(slack) \[slack_now\]
    sample $report \[dict get \$found -file\]
  "
}
proc write_bitstream {args} {
  note write_bitstream {*}$args
  lassign [options write_bitstream $args {-force 0}] found file
  sample bitstream [lindex $file 0]
}
