# commands.tcl TOOL SCRIPT: the script as the tool would read it.  What is no command of Tcl is the tool's: it is recorded
# and answered with nothing.  A few leave the files that FINN asks for afterwards.
lassign $argv tool script
set record [open $env(MOCK_RECORD) a]
proc note {args} { puts $::record $args; flush $::record }
note $tool [file tail $script]
set table "<report><section><table><tablerow>"
foreach head {Instance Module {Total LUTs} {Logic LUTs} LUTRAMs SRLs FFs RAMB36 RAMB18 {DSP Blocks}} {
  append table "<tableheader contents=\"$head\"/>"
}
append table "</tablerow></table></section></report>"
proc touch {name text} { file mkdir [file dirname $name]; set file [open $name w]; puts $file $text; close $file }
proc unknown {args} { note {*}$args; leave {*}$args }
proc leave {name args} {
  switch -- $name {
    create_project {
      set ::project [file join {*}[lrange $args 1 1] [lindex $args 0]]
      touch $::project.xpr project
    }
    open_project { if {$::tool eq "vitis_hls"} { set ::project [lindex $args 0]; file mkdir $::project } }
    add_files {
      if {$::tool eq "vitis_hls" && ![file isfile [lindex $args 0]]} { error "no [lindex $args 0]" }
      foreach path [regexp -all -inline {\-I[^\s\}]+} $args] {
        if {![file isdirectory [string range $path 2 end]]} { error "no folder [string range $path 2 end]" }
      }
    }
    export_design { touch $::project/sol1/impl/ip/component.xml ip; touch $::project/sol1/impl/verilog/top.v "// top" }
    create_bd_design { set ::design [lindex $args 0] }
    make_wrapper { touch $::project.gen/sources_1/bd/$::design/hdl/${::design}_wrapper.v "// wrapper" }
    ipx::package_project { touch [lindex $args [expr {[lsearch $args -root_dir] + 1}]]/component.xml ip }
    set_property { if {[lindex $args 0] eq "board_part"} { set ::board [lindex $args 1] } }
    report_utilization {
      if {"xml" in $args} { set_report $args $::table } else { set_report $args "| Slice LUTs | 1 | 0 | 0 | 53200 | 0.0 |" }
    }
    report_timing_summary { set_report $args "WNS(ns)      TNS(ns)\n 1.000        0.000" }
    report_power { set_report $args "power" }
    launch_runs {
      if {"write_bitstream" in $args} {
        set folder [pwd]
        touch $folder/finn_zynq_link.runs/impl_1/top_wrapper.bit bits
        touch $folder/finn_zynq_link.runs/impl_1/top_wrapper_timing_summary_routed.rpt "timing"
        touch $folder/finn_zynq_link.gen/sources_1/bd/top/hw_handoff/top.hwh "<hwh/>"
      }
    }
    get_property { switch -- [lindex $args 0] { PROGRESS { return "100%" } NEEDS_REFRESH { return 0 } CONFIG.ADDR_WIDTH { return 16 } } }
    version { return 2024.2 }
  }
  return ""
}
proc set_report {arguments text} {
  set at [lsearch $arguments -file]
  if {$at >= 0} { touch [lindex $arguments [expr {$at + 1}]] $text }
}
if {[catch {source $script} text]} { puts "ERROR: $text"; note ERROR $text; exit 1 }
