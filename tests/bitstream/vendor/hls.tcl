# The commands of HLS that a project's script uses, under tclsh: checked, recorded, and csynth_design leaves Verilog with
# the ports, and reports with the modules, that the real one would.
set record [open $env(MOCK_RECORD) a]
proc note {args} { puts $::record $args; flush $::record }
proc stop {text} { puts "ERROR: $text"; exit 1 }
array set state {}
proc open_project {args} { note open_project {*}$args; set ::state(project) [lindex $args end]; file mkdir $::state(project) }
proc set_top {name} { note set_top $name; set ::state(top) $name }
proc add_files {file args} {
  note add_files $file {*}$args
  if {![file isfile $file]} { stop "\[HLS 200-642\] no file $file" }
  if {[lindex $args 0] ne "-cflags"} { stop "\[HLS 200-101\] add_files $args" }
  set ::state(source) $file
}
proc open_solution {args} { note open_solution {*}$args; set ::state(solution) [lindex $args end] }
proc set_part {part} { note set_part $part; set ::state(part) $part }
proc create_clock {args} { note create_clock {*}$args; set ::state(period) [lindex $args 1] }
proc set_clock_uncertainty {args} { note set_clock_uncertainty {*}$args }
proc config_compile {args} { note config_compile {*}$args }
proc config_rtl {args} { note config_rtl {*}$args }
if {$env(MOCK_HLS) eq "vivado_hls"} { proc config_array_partition {args} { note config_array_partition {*}$args } }
if {$env(MOCK_HLS) ne "vivado_hls"} { proc config_schedule {args} { note config_schedule {*}$args } }
proc csynth_design {} {
  note csynth_design
  set made $::state(project)/$::state(solution)/syn
  file mkdir $made/verilog $made/report
  set folder [file dirname $::state(source)]
  foreach needed {defines.h parameters.h nnet_utils/nnet_dense_stream.h} {
    if {![file isfile $folder/$needed]} { stop "\[HLS 200-70\] '$needed' file not found" }
  }
  exec {*}$::env(MOCK_SAMPLES) csynth $made \
    [list top $::state(top) part $::state(part) period $::state(period) source $folder hls $::env(MOCK_HLS)] 2>@stderr
}
